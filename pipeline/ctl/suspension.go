package ctl

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
)

// Suspension is a destination that gets no mail, or a service that does nothing, until someone resumes
// it or its time is over. Either Nexthop or Service is set.
type Suspension struct {
	// Nexthop is the destination as "mtad why" and the log name it ("example.com",
	// "[192.0.2.1]:25"); case does not matter.
	Nexthop string `json:"nexthop,omitempty"`
	// Service is a service as master.cf names it, with its type ("smtps/inet", "lmtp/unix"); in orders
	// the type may be missing where the name is enough.
	Service string `json:"service,omitempty"`
	// Reason is for people; it stands in queue listings.
	Reason string `json:"reason"`
	// Until is when it ends by itself; zero: never.
	Until time.Time `json:"until"`
}

func (s *Server) suspend(r *http.Request) (any, error) {
	var su Suspension
	b, err := io.ReadAll(io.LimitReader(r.Body, maxHeadBytes))
	if err == nil {
		err = json.Unmarshal(b, &su)
	}
	if err != nil || (su.Nexthop == "") == (su.Service == "") || max(len(su.Nexthop), len(su.Service)) > maxID || len(su.Reason) > maxWord {
		return nil, status.New(501, "5.5.4", "Bad destination, service or reason").Because(err)
	}
	su.Nexthop, su.Service, su.Reason = strings.ToLower(status.Clean(su.Nexthop)), status.Clean(su.Service), status.Clean(su.Reason)
	return nil, s.b.Suspend(su)
}

func (s *Server) resume(r *http.Request) (any, error) {
	q := r.URL.Query()
	return nil, s.b.Resume(r.Context(), Suspension{Nexthop: q.Get("nexthop"), Service: q.Get("service")})
}

// Suspend has no mail delivered to a destination, or a service do nothing.
func (c *Client) Suspend(ctx context.Context, s Suspension) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	resp, err := c.send(ctx, http.MethodPost, "/v1/suspended", strings.NewReader(string(b)), int64(len(b)))
	if err != nil {
		return err
	}
	return decode(resp, nil)
}

// Resume has mail delivered to a destination again, at once, or a service go on; s names it. It fails
// with queue.ErrNotFound when it is not suspended.
func (c *Client) Resume(ctx context.Context, s Suspension) error {
	query := "nexthop=" + escapeQuery(s.Nexthop)
	if s.Service != "" {
		query = "service=" + escapeQuery(s.Service)
	}
	return c.do(ctx, actTimeout, http.MethodDelete, "/v1/suspended?"+query, nil, nil)
}

// Suspensions lists what is suspended.
func (c *Client) Suspensions(ctx context.Context) ([]Suspension, error) {
	var all []Suspension
	err := c.do(ctx, headTimeout, http.MethodGet, "/v1/suspended", nil, &all)
	return all, err
}
