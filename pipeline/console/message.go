package console

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
)

// Bounds of what is shown of one message.
const (
	maxHeader     = 64 << 10  // bytes of the header
	maxText       = 256 << 10 // bytes of the text
	maxRecipients = 500
	maxSteps      = 500
)

var errNoMessage = refuse(http.StatusNotFound, "There is no such message in the queue, and nothing is known of it")

// story is all that is known of one message.
type story struct {
	ID string
	// Here: it is in the queue; else only Log and Trace tell of it.
	Here      bool
	Message   item
	EnvID     string
	Client    string
	Login     string
	Kind      string
	Why       ctl.Why
	WhyFailed string
	People    []recipient
	More      int // recipients that are not shown
	Attempts  int
	Warned    bool
	Header    string
	HeaderCut bool
	NoHeader  string // why there is none
	Log       []event
	Trace     *trace.Record
	MoreSteps int
	Actions   []ctl.Action
}

// recipient is one of a message.
type recipient struct {
	Address, Original string
	Outcome           string
	Reply, Relay      string
	At                time.Time
}

func (c *Console) message(w http.ResponseWriter, v *visit) error {
	id := v.PathValue("id")
	if len(id) > maxID {
		return errNoMessage
	}
	s := story{ID: id, Log: eventsOf(id, c.o.Journal.Lines(id))}
	if rec, ok := c.b.Trace().Find(id); ok {
		if len(rec.Steps) > maxSteps {
			s.MoreSteps = len(rec.Steps) - maxSteps
			rec.Steps = rec.Steps[:maxSteps]
		}
		s.Trace = &rec
	}
	e, r, err := c.b.Find(v.Context(), id)
	switch {
	case err == nil:
		c.describe(v, &s, e, r)
	case !errors.Is(err, queue.ErrNotFound) && !errors.Is(err, queue.ErrCorrupt):
		return err
	case s.Log == nil && s.Trace == nil:
		return errNoMessage
	}
	code := http.StatusOK
	if !s.Here {
		code = http.StatusNotFound
	}
	c.page(w, v, code, "message", "Message "+shown(id, 64), s)
	return nil
}

// describe fills in what the queue knows.
func (c *Console) describe(v *visit, s *story, e *queue.Entry, r *queue.Record) {
	s.Here, s.Message, s.Attempts, s.Warned = true, itemOf(e, r), r.Attempts, r.Warned
	s.EnvID, s.Client, s.Login, s.Kind = e.EnvID, clientText(&e.Origin), e.Origin.SASLUser, string(e.Origin.Kind)
	s.Actions = actionsFor(r)
	for i := range e.Recipients {
		if i == maxRecipients {
			s.More = len(e.Recipients) - i
			break
		}
		to := recipient{Address: e.Recipients[i].Address}
		if o := e.Recipients[i].Original; o != to.Address {
			to.Original = o
		}
		if i < len(r.Recipients) {
			p := &r.Recipients[i]
			to.Outcome, to.Relay, to.At = p.Outcome.String(), p.Relay, p.At
			if p.Reply.Code != 0 {
				to.Reply = p.Reply.String()
			}
		}
		s.People = append(s.People, to)
	}
	var err error
	if s.Why, err = c.b.Why(v.Context(), e.ID); err != nil {
		s.WhyFailed = status.From(err).Reply.Text
	}
	if len(s.Why.Recipients) > maxRecipients {
		s.Why.Recipients = s.Why.Recipients[:maxRecipients]
	}
	text, more, err := c.read(v, e.ID, maxHeader)
	if err != nil {
		s.NoHeader = status.From(err).Reply.Text
		return
	}
	n, whole := mail.Split(text)
	s.Header, s.HeaderCut = string(text[:n]), !whole && more
}

// clientText is where a message came from.
func clientText(o *mail.Origin) string {
	switch {
	case o.ClientName != "" && o.Client.IsValid():
		return o.ClientName + "[" + o.Client.Addr().String() + "]"
	case o.Client.IsValid():
		return "[" + o.Client.Addr().String() + "]"
	}
	return ""
}

// read returns the first bytes of a message, and whether there are more.
func (c *Console) read(v *visit, id string, most int64) (text []byte, more bool, err error) {
	content, err := c.b.Open(v.Context(), id)
	if err != nil {
		return nil, false, err
	}
	text, err = io.ReadAll(io.LimitReader(mail.Reader(content), most))
	more = content.Size() > most
	return text, more, errors.Join(err, content.Close())
}

// text shows the text of a message, for those who may read it. That it was read is in the log, where the
// mail is.
func (c *Console) text(w http.ResponseWriter, v *visit) error {
	id := v.PathValue("id")
	if len(id) > maxID {
		return errNoMessage
	}
	text, more, err := c.read(v, id, maxText)
	if errors.Is(err, queue.ErrNotFound) {
		return errNoMessage
	}
	if err != nil {
		return err
	}
	c.logFor(id, v, "shown its text")
	c.page(w, v, http.StatusOK, "text", "Text of "+shown(id, 64), struct {
		ID, Text string
		More     bool
	}{id, string(text), more})
	return nil
}
