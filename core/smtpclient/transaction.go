package smtpclient

import (
	"github.com/mtad/mtad/core/mail"
)

// Transaction is one message to send and what became of it. The engine changes nothing but
// Results; a Transaction may be used again, then the memory of Results is too.
type Transaction struct {
	// Sender is the envelope sender in external form, "" for notices.
	Sender string
	// Recipients to send to, at least one.
	Recipients []mail.Recipient
	// Body becomes the BODY parameter where the peer offers 8BITMIME. BINARYMIME is sent as
	// 8BITMIME: the caller sees to it that the text has lines.
	Body mail.BodyType
	// SMTPUTF8 becomes the parameter where the peer offers it; otherwise the caller sees to
	// it that the message can do without.
	SMTPUTF8 bool
	// Ret and EnvID, and Notify and ORcpt of the recipients, are sent where the peer offers
	// DSN.
	Ret   mail.Ret
	EnvID string
	// Text is read once from begin to end; not closed.
	Text mail.Content
	// Probe ends the transaction before the text.
	Probe Probe

	// Results has one element per recipient after Send. The zero Result: not decided, see
	// the error of Send.
	Results []Result
}

// Result is what decided about a recipient.
type Result struct {
	// Reply is the peer's: of class 2 when it took over the message for this recipient.
	Reply Reply
	// Stage is the command that Reply answers: StageEndOfData for what was accepted (StageRcpt or
	// StageData by a probe, then with a reply of class 2 or 3) and for
	// what was refused with the text; StageMail and StageData for what was refused as a whole;
	// StageRcpt; 0 for an address that was not sent because it cannot be.
	Stage Stage
}

// Decided reports whether there is a reply.
func (r *Result) Decided() bool { return r.Reply.Code != 0 }

// batchBytes bounds the commands that are sent before their replies are read. It fits into any
// socket's send buffer, so that a write never waits for a peer that waits for us to read
// (RFC 2920 §3.1).
const batchBytes = 8 << 10

// Send does one transaction. It returns nil when every recipient is decided; otherwise the
// error is for those that are not. After an error of Kind Unreadable before anything was sent,
// and after nil, Usable says whether the connection is good for more.
//
// With PIPELINING the envelope costs one write and one read, the text another; with CHUNKING too,
// text that fits into one block goes in the same write as the envelope (see oneShot).
func (c *Conn) Send(tx *Transaction) error {
	if !tx.begin() {
		return nil
	}
	if c.dead {
		return &Error{Kind: Lost, Stage: StageMail, Err: errDead}
	}
	x := transfer{c: c, tx: tx}
	e := x.load()
	if e == nil {
		e = x.run()
	}
	x.shot.free()
	if e == nil && c.goodbye.Code != 0 {
		x.settle(Result{c.goodbye, c.goodbyeAt})
	}
	return outcome(e)
}

// begin clears the results and refuses what cannot be sent. It reports whether anybody is left.
func (tx *Transaction) begin() bool {
	n := len(tx.Recipients)
	if cap(tx.Results) < n {
		tx.Results = make([]Result, n)
	}
	tx.Results = tx.Results[:n]
	left := 0
	for i := range tx.Results {
		tx.Results[i] = Result{}
		switch {
		case !sendable(tx.Sender):
			tx.Results[i].Reply = own(501, "5.1.7", "Bad sender address syntax")
		case !sendable(tx.Recipients[i].Address):
			tx.Results[i].Reply = own(501, "5.1.3", "Bad recipient address syntax")
		default:
			left++
		}
	}
	return left > 0
}

// transfer is a Transaction on its way.
type transfer struct {
	c  *Conn
	tx *Transaction

	shot     *block // the text, when it may go together with the envelope
	shotLen  int
	next     int  // recipients before it are written, or decided without
	answered int  // recipients before it are answered, or decided without
	accepted int  // recipients that the peer accepted
	mailed   bool // MAIL is written
	refused  bool // MAIL was refused
}

// run sends the envelope in batches, the last of which also asks to take the text, and then
// the text.
func (x *transfer) run() *Error {
	if e := x.reset(); e != nil {
		return e
	}
	for !x.refused && x.next < len(x.tx.Recipients) {
		ending, e := x.batch()
		if e != nil {
			return e
		}
		switch ending {
		case StageEndOfData:
			return x.endShot()
		case StageData:
			return x.data()
		}
		if x.c.goodbye.Code != 0 {
			return nil
		}
	}
	if x.accepted == 0 || x.tx.Probe == ProbeRcpt {
		return nil
	}
	x.c.out = append(x.c.out, "DATA\r\n"...)
	if e := x.c.flush(StageData, x.c.o.Timeouts.DataInit); e != nil {
		return e
	}
	if x.tx.Probe == ProbeData {
		return x.endProbe()
	}
	return x.data()
}

// reset forgets a transaction that an earlier Send left open. With PIPELINING RSET goes with the
// first batch.
func (x *transfer) reset() *Error {
	c := x.c
	if !c.dirty {
		return nil
	}
	c.out = append(c.out[:0], "RSET\r\n"...)
	if c.features.Has(Pipelining) {
		return nil
	}
	r, e := c.command(StageReset, true)
	return x.afterReset(r, e)
}

func (x *transfer) afterReset(r Reply, e *Error) *Error {
	if e == nil && r.Code/100 != 2 {
		return x.c.refused(StageReset, r)
	}
	return e
}

// batch writes the next commands and reads their replies. ending is StageData when DATA was
// written behind them, StageEndOfData when the text was; their replies are still to be read.
func (x *transfer) batch() (ending Stage, e *Error) {
	c := x.c
	reset, first := c.dirty && len(c.out) > 0, !x.mailed
	if first {
		c.out = c.appendMail(c.out, x.tx)
		x.mailed, c.dirty = true, true
	}
	pipelining := c.features.Has(Pipelining)
	if pipelining || !first {
		x.queueRecipients(pipelining)
	}
	stage := StageRcpt
	if first {
		stage = StageMail
	}
	if pipelining && x.next == len(x.tx.Recipients) && x.tx.Probe == NoProbe {
		ending, e = x.writeEnding(stage)
	} else {
		e = c.flush(stage, c.o.Timeouts.of(stage))
	}
	if e != nil {
		return 0, e
	}
	return ending, x.collect(reset, first)
}

// queueRecipients appends RCPT commands: one, or as many as fit into a batch.
func (x *transfer) queueRecipients(many bool) {
	c := x.c
	for x.next < len(x.tx.Recipients) && len(c.out) < batchBytes {
		i := x.next
		x.next++
		if x.tx.Results[i].Decided() {
			continue
		}
		c.out = c.appendRcpt(c.out, &x.tx.Recipients[i])
		if !many {
			return
		}
	}
}

// writeEnding writes the last batch with what asks the peer to take the text.
func (x *transfer) writeEnding(s Stage) (Stage, *Error) {
	c := x.c
	if x.shot != nil && len(c.out) < shotRoom {
		commands := appendChunk(c.out, x.shotLen)
		c.said.said(s, commands)
		p := x.shot.behind(commands, x.shotLen)
		c.out = c.out[:0]
		return StageEndOfData, c.write(p, s, c.o.Timeouts.of(s))
	}
	c.out = append(c.out, "DATA\r\n"...)
	return StageData, c.flush(s, c.o.Timeouts.of(s))
}

// collect reads the replies to a batch, but the one to its ending.
func (x *transfer) collect(reset, first bool) *Error {
	c := x.c
	if reset {
		r, e := c.reply(StageReset, true)
		if e := x.afterReset(r, e); e != nil {
			return e
		}
	}
	if first {
		r, e := c.reply(StageMail, false)
		if e != nil {
			return e
		}
		if r.Code/100 != 2 {
			x.refused = true
			x.settle(Result{r, StageMail})
		}
	}
	for ; x.answered < x.next; x.answered++ {
		if e := x.recipient(&x.tx.Results[x.answered]); e != nil {
			return e
		}
	}
	return nil
}

// recipient reads the reply to one RCPT.
func (x *transfer) recipient(res *Result) *Error {
	if res.Stage == 0 && res.Decided() {
		return nil // never sent
	}
	r, e := x.c.reply(StageRcpt, x.tx.Probe != NoProbe)
	switch {
	case e != nil:
		return e
	case x.refused:
	case r.Code/100 == 2:
		if x.accepted++; x.tx.Probe != NoProbe {
			*res = Result{r, StageRcpt}
		}
	default:
		*res = Result{r, StageRcpt}
	}
	return nil
}

// settle gives every recipient that is not decided this result.
func (x *transfer) settle(r Result) {
	for i := range x.tx.Results {
		if res := &x.tx.Results[i]; !res.Decided() {
			*res = r
		}
	}
}
