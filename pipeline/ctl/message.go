package ctl

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// maxHead bounds the envelope and record of an entry as JSON, in bytes.
const maxHead = 256 << 20

// head is the first line of an answer with a whole message.
type head struct {
	Entry  *queue.Entry  `json:"entry"`
	Record *queue.Record `json:"record"`
}

// message answers GET /v1/queue/{id}/message: a line with the entry and its record, then the text.
func (s *Server) message(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if len(id) > maxID {
		return queue.ErrNotFound
	}
	e, rec, err := s.b.Find(r.Context(), id)
	if err != nil {
		return err
	}
	text, err := s.b.Open(r.Context(), id)
	if err != nil {
		return err
	}
	defer text.Close()
	out := newLines(w)
	out.write(head{e, rec})
	if out.err == nil {
		_, err = io.Copy(out.w, mail.Reader(text))
	}
	s.endLines(w, r, out, err)
	return nil
}

// Message returns an entry with its record, and what reads its text in wire form. Close the reader;
// its last Read fails when the text could not be read to the end.
func (c *Client) Message(ctx context.Context, id string) (*queue.Entry, *queue.Record, io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, "/v1/queue/"+escape(id)+"/message", nil, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	b := bufio.NewReaderSize(resp.Body, 64<<10)
	var h head
	line, err := readLine(b)
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err == nil && (h.Entry == nil || h.Record == nil) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		resp.Body.Close()
		return nil, nil, nil, fmt.Errorf("message %s: %w", id, err)
	}
	return h.Entry, h.Record, &answerText{b: b, resp: resp}, nil
}

// readLine reads a line of at most maxHead bytes.
func readLine(b *bufio.Reader) (line []byte, err error) {
	for {
		part, err := b.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		case len(line) > maxHead:
			return nil, fmt.Errorf("a first line of more than %d bytes", maxHead)
		}
	}
}

// answerText reads the text behind the first line.
type answerText struct {
	b    *bufio.Reader
	resp *http.Response
}

// Read reads; at the end it is the trailer that counts.
func (a *answerText) Read(p []byte) (int, error) {
	n, err := a.b.Read(p)
	if err == io.EOF {
		if failed := trailer(a.resp); failed != nil {
			err = failed
		}
	}
	return n, err
}

// Close ends the request.
func (a *answerText) Close() error { return a.resp.Body.Close() }

// Why is why an entry waits.
type Why struct {
	Item Item `json:"item"`
	// Reason is why the entry is on hold or corrupt, "" otherwise.
	Reason string `json:"reason,omitempty"`
	// Decided says who or what wanted it on hold, "" otherwise.
	Decided string `json:"decided,omitempty"`
	// Attempts counts the delivery attempts; Next is the next one, zero when none is planned;
	// Expires is when the message is returned to its sender.
	Attempts   int            `json:"attempts"`
	Next       time.Time      `json:"next"`
	Expires    time.Time      `json:"expires"`
	Recipients []WhyRecipient `json:"recipients"`
}

// WhyRecipient is what is known of one recipient.
type WhyRecipient struct {
	Address  string `json:"address"`
	Original string `json:"original,omitempty"`
	// Outcome, Reply, Relay and At are of the last attempt; Reply is "" before the first.
	Outcome string    `json:"outcome"`
	Reply   string    `json:"reply,omitempty"`
	Relay   string    `json:"relay,omitempty"`
	At      time.Time `json:"at"`
	// Transport and Nexthop are where it goes as things are now; Unroutable is why they
	// cannot be told.
	Transport  string `json:"transport,omitempty"`
	Nexthop    string `json:"nexthop,omitempty"`
	Unroutable string `json:"unroutable,omitempty"`
	// Decided says who or what deferred it: a rule, a plugin, a server; "" while nothing did.
	Decided string `json:"decided,omitempty"`
	// Site is the state of the destination, nil while nothing goes there.
	Site *SiteState `json:"site,omitempty"`
	// Suspended is set while the destination is.
	Suspended *Suspension `json:"suspended,omitempty"`
}

// SiteState is how a destination is doing.
type SiteState struct {
	// Window is how many deliveries may be under way, 0 when the destination is dead; Busy
	// how many are; Waiting how many messages wait.
	Window  int `json:"window"`
	Busy    int `json:"busy"`
	Waiting int `json:"waiting"`
	// DeadUntil is when a dead one is tried again; Reason is why.
	DeadUntil time.Time `json:"dead_until"`
	Reason    string    `json:"reason,omitempty"`
}

func (s *Server) why(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if len(id) > maxID {
		return nil, queue.ErrNotFound
	}
	return s.b.Why(r.Context(), id)
}

// Why asks why an entry waits.
func (c *Client) Why(ctx context.Context, id string) (Why, error) {
	var w Why
	err := c.do(ctx, headTimeout, http.MethodGet, "/v1/queue/"+escape(id)+"/why", nil, &w)
	return w, err
}

// routeAnswer is a queue.Route.
type routeAnswer struct {
	Transport string `json:"transport"`
	Nexthop   string `json:"nexthop"`
	Recipient string `json:"recipient"`
}

func (s *Server) route(r *http.Request) (any, error) {
	address := r.URL.Query().Get("address")
	if address == "" || len(address) > maxWord {
		return nil, status.New(501, "5.1.3", "Bad recipient address syntax")
	}
	to, err := s.b.Resolve(r.Context(), address)
	return routeAnswer(to), err
}

// Route asks where mail for an address would go.
func (c *Client) Route(ctx context.Context, address string) (queue.Route, error) {
	var a routeAnswer
	err := c.do(ctx, headTimeout, http.MethodGet, "/v1/route?address="+escapeQuery(address), nil, &a)
	return queue.Route(a), err
}
