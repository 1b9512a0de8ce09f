package cleanup

import (
	"context"
	"errors"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/queue"
)

// Job is one message on its way into the queue. One goroutine uses it.
type Job struct {
	d     *Door
	env   *mail.Envelope
	hooks *hook.Message
	draft queue.Draft
	over  bool // the draft has ended

	block  *[]byte // the header block as far as it came, pooled
	known  int     // bytes of block that are complete fields
	header *mail.Header
	// messageID is in the log already unless it is "": then head decides on one.
	messageID string
	size      int64
	sep       bool // the rest begins with the empty line
	err       *status.Error
	// actions are what access rules ask for the message.
	actions Actions
	sender  *readdressed // as rewriteSender last answered
	// sieve is what the text goes through first; nil for nothing.
	sieve *sieve
	begun bool // text has come
	// strict follows the MIME structure; nil when nobody asks for it.
	strict *checks.Strict
}

// Write takes the next block of text, in wire form. After an error the job can only be aborted;
// the error is also Commit's.
func (j *Job) Write(ctx context.Context, p []byte) error {
	if j.err != nil {
		return j.err
	}
	j.size += int64(len(p))
	if limit := j.d.o.SizeLimit; limit > 0 && j.size > limit {
		return j.fail(status.New(552, "5.3.4", "Error: message file too big").By("message_size_limit"))
	}
	if !j.begun {
		j.begun, j.sieve = true, j.newSieve()
	}
	if j.sieve != nil {
		var e *status.Error
		if p, e = j.sift(p); e != nil {
			return j.fail(e)
		}
	}
	return j.put(ctx, p)
}

// put takes text that is to be kept.
func (j *Job) put(ctx context.Context, p []byte) error {
	if j.header == nil {
		return j.writeHead(ctx, p)
	}
	if e := j.checkBody(p); e != nil {
		return j.fail(e)
	}
	return j.writeRest(ctx, p)
}

func (j *Job) fail(e *status.Error) error {
	j.err = e
	return e
}

// writeHead collects the header block; what follows it goes to writeRest.
func (j *Job) writeHead(ctx context.Context, p []byte) error {
	if j.block == nil {
		j.block = j.d.heads.Get().(*[]byte)
	}
	*j.block = append(*j.block, p...)
	n, done := mail.SplitFrom(*j.block, j.known)
	j.known = n
	if !done && len(*j.block) <= mail.HeaderLimit {
		return nil
	}
	return j.endHead(ctx)
}

// endHead takes the header apart and runs the plugins' headers hook.
func (j *Job) endHead(ctx context.Context) error {
	var block []byte
	if j.block != nil {
		block = *j.block
	}
	head, rest := block[:j.known:j.known], block[j.known:]
	j.header = mail.ParseHeader(head)
	j.sep = len(rest) >= 2 && rest[0] == '\r' && rest[1] == '\n'
	if j.messageID = j.header.Get("Message-ID"); j.messageID != "" {
		j.d.o.Log.MessageID(j.env.ID, j.messageID)
	}
	if e := j.checkHeader(); e != nil {
		return j.fail(e)
	}
	e := j.beginStrict()
	if e == nil {
		e = j.checkBody(rest[j.bodyOff():])
	}
	if e != nil {
		return j.fail(e)
	}
	if j.hooks != nil {
		if e := j.hooks.Headers(ctx, j.header); e != nil {
			return j.fail(e)
		}
		j.header = j.hooks.Header()
	}
	return j.writeRest(ctx, rest)
}

// completes reports whether the message gets the fields that it lacks.
func (j *Job) completes() bool { return j.env.Origin.Local || j.d.o.AddMissing }

// checkHeader counts the hops: a message that went through too many is in a loop.
func (j *Job) checkHeader() *status.Error {
	if limit := j.d.o.HopLimit; limit > 0 && j.header.Count("Received")+j.env.Origin.Hops > limit {
		return status.New(554, "5.4.0", "Error: too many hops").By("hopcount_limit")
	}
	return nil
}

func (j *Job) writeRest(ctx context.Context, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if _, err := j.draft.Write(p); err != nil {
		return j.fail(status.From(err))
	}
	return j.bodyHook(ctx, false)
}

// Result says what became of a committed message.
type Result struct {
	ID string
	// Discarded: a plugin threw it away; the peer is told that all is well.
	Discarded bool
	// Held: it is on hold.
	Held bool
	// Aliased: it was a probe, and its recipient stands for several; it was not queued.
	Aliased bool
}

// Commit completes the message and makes it durable. On return the job is over.
func (j *Job) Commit(ctx context.Context) (Result, error) {
	r, err := j.complete(ctx)
	if j.hooks != nil {
		j.hooks.Ended(outcome(r, err))
	}
	return r, err
}

// outcome is a result in words.
func outcome(r Result, err error) string {
	switch {
	case err != nil:
		return "refused: " + status.From(err).Reply.String()
	case r.Discarded:
		return "discarded"
	case r.Held:
		return "queued on hold"
	}
	return "queued"
}

func (j *Job) complete(ctx context.Context) (Result, error) {
	defer j.end()
	j.endSieve(ctx)
	if j.err == nil && j.header == nil {
		j.endHead(ctx)
	}
	j.detected()
	if j.err == nil {
		j.detectUTF8()
	}
	if j.err == nil {
		j.bodyHook(ctx, true)
	}
	if j.err == nil {
		j.err = j.finishHeader(ctx)
	}
	if j.err == nil {
		j.err = j.eom(ctx)
	}
	if j.err != nil {
		return Result{}, j.err
	}
	return j.commit(ctx)
}

// eom runs the plugins' eom hook.
func (j *Job) eom(ctx context.Context) *status.Error {
	if j.hooks == nil {
		return nil
	}
	e := j.hooks.EOM(ctx, hook.Text{
		Header: j.header, Rest: j.draft.Content(), BodyOff: j.bodyOff(),
		Fork: func() hook.NewText { return j.draft.Fork() },
	})
	if e != nil {
		return e
	}
	j.header = j.hooks.Header()
	if t := j.hooks.Replaced(); t != nil {
		j.draft.Abort()
		j.draft = t.(queue.Draft)
	}
	return nil
}

func (j *Job) bodyOff() int64 {
	if j.sep {
		return int64(len("\r\n"))
	}
	return 0
}

var errNoRecipient = errors.New("no recipient is left")

// commit applies the decisions, rewrites the envelope and hands the message to the store.
func (j *Job) commit(ctx context.Context) (Result, error) {
	state, reason, discard := j.decide()
	if discard {
		return Result{ID: j.env.ID, Discarded: true}, nil
	}
	state, discard = j.apply(state)
	if discard {
		return Result{ID: j.env.ID, Discarded: true}, nil
	}
	if e := j.rewrite(ctx); e != nil {
		return Result{}, e
	}
	if j.env.Origin.Kind == mail.KindVerify && len(j.env.Recipients) > 1 {
		return Result{ID: j.env.ID, Aliased: true}, nil
	}
	j.over = true
	entry, err := j.draft.Commit(ctx, j.env, j.head(), state, reason)
	if err != nil {
		return Result{}, status.From(err)
	}
	j.tell(entry, state)
	if state == queue.Incoming {
		j.d.o.Queued(entry)
	}
	return Result{ID: entry.ID, Held: state == queue.Hold}, nil
}

// decide applies what plugins decided.
func (j *Job) decide() (s queue.State, reason string, discard bool) {
	s = queue.Incoming
	if j.hooks == nil {
		return s, "", false
	}
	dec := &j.hooks.Decision
	if dec.Redirect != "" {
		j.actions.Redirect = dec.Redirect
	}
	if dec.Filter != "" {
		j.actions.Filter = dec.Filter
	}
	if dec.Hold {
		s = queue.Hold
	}
	if len(j.env.Recipients) == 0 && j.actions.Redirect == "" {
		j.d.o.Log.Info(j.env.ID + ": discarded: " + errNoRecipient.Error())
		discard = true
	}
	return s, dec.Reason, discard || dec.Discard
}

// Abort forgets the message. It may be called after Commit and then does nothing.
func (j *Job) Abort(ctx context.Context) {
	if j.over {
		return
	}
	if j.hooks != nil {
		j.hooks.Abort(ctx)
	}
	j.end()
}

// end gives back what the job holds.
func (j *Job) end() {
	if !j.over {
		j.draft.Abort()
		j.over = true
	}
	if j.block != nil {
		if cap(*j.block) <= 64<<10 {
			*j.block = (*j.block)[:0]
			j.d.heads.Put(j.block)
		}
		j.block, j.header = nil, nil
	}
}
