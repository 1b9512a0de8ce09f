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

// Suspension is a destination that gets no mail until someone resumes it, or its time is over.
type Suspension struct {
	// Nexthop is the destination as "mtad why" and the log name it ("example.com",
	// "[192.0.2.1]:25"); case does not matter.
	Nexthop string `json:"nexthop"`
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
	if err != nil || su.Nexthop == "" || len(su.Nexthop) > maxID || len(su.Reason) > maxWord {
		return nil, status.New(501, "5.5.4", "Bad destination or reason").Because(err)
	}
	su.Nexthop, su.Reason = strings.ToLower(status.Clean(su.Nexthop)), status.Clean(su.Reason)
	return nil, s.b.Suspend(su)
}

// Suspend has no mail delivered to a destination.
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

// Resume has mail delivered to a destination again, at once. It fails with queue.ErrNotFound when
// the destination is not suspended.
func (c *Client) Resume(ctx context.Context, nexthop string) error {
	return c.do(ctx, actTimeout, http.MethodDelete, "/v1/suspended?nexthop="+escapeQuery(nexthop), nil, nil)
}

// Suspensions lists the destinations that are suspended.
func (c *Client) Suspensions(ctx context.Context) ([]Suspension, error) {
	var all []Suspension
	err := c.do(ctx, headTimeout, http.MethodGet, "/v1/suspended", nil, &all)
	return all, err
}
