package cleanup

import (
	"context"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// finishHeader brings the header to the form in which it leaves: addresses rewritten, the fields of
// message_drop_headers gone, what is missing added. It comes behind the headers point, where
// header_checks look at what arrived, and before eom, where milters and signers see what will
// leave; this is Postfix's order too.
func (j *Job) finishHeader(ctx context.Context) *status.Error {
	rw := j.rewriter()
	if rw != nil {
		hc := rewrite.HeaderContext{Local: j.env.Origin.Local, Domain: j.d.o.RemoteDomain, NoMaps: j.d.o.NoMaps, Last: j.headerHook()}
		if err := rw.Header(ctx, j.header, hc); err != nil {
			return status.From(err)
		}
	}
	for i := j.header.Len() - 1; i >= 0; i-- {
		if j.drops(j.header.Field(i)) {
			j.header.Delete(i)
		}
	}
	if j.completes() {
		if e := j.addMissing(ctx, rw); e != nil {
			return e
		}
	}
	if j.messageID == "" {
		j.d.o.Log.MessageID(j.env.ID, "<>")
	}
	return nil
}

// addMissing adds the fields that the message lacks.
func (j *Job) addMissing(ctx context.Context, rw Rewriter) *status.Error {
	sender := j.env.Sender
	if rw != nil && j.header.Find("From", 0) < 0 {
		var err error
		if sender, err = j.rewriteSender(ctx, rw); err != nil {
			return status.From(err)
		}
	}
	missing := mail.ParseHeader(j.appendMissing(nil, sender))
	for i := range missing.Len() {
		j.header.Insert(-1, missing.Field(i))
	}
	return nil
}

// readdressed is an envelope sender and what rewriting made of it.
type readdressed struct{ from, to string }

// rewriteSender returns the envelope sender in its final form. Tables and plugins are asked once for
// each sender: a plugin may set another one at eom.
func (j *Job) rewriteSender(ctx context.Context, rw Rewriter) (string, error) {
	if s := j.sender; s != nil && s.from == j.env.Sender {
		return s.to, nil
	}
	to, err := rw.Standard(j.env.Sender), error(nil)
	if !j.d.o.NoMaps {
		to, err = rw.Sender(ctx, j.env.Sender)
	}
	if err == nil {
		j.sender = &readdressed{j.env.Sender, to}
	}
	return to, err
}

func (j *Job) drops(f mail.Field) bool {
	for _, name := range j.d.o.DropHeaders {
		if f.Is(name) {
			return true
		}
	}
	return false
}
