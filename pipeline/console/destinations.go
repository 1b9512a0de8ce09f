package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// maxReason bounds the reason of a suspension, in bytes.
const maxReason = 1 << 10

var errNotSuspended = refuse(http.StatusNotFound, "That is not suspended")

// suspend has no mail go to a destination for a while.
func (c *Console) suspend(w http.ResponseWriter, v *visit) error {
	s := ctl.Suspension{
		Nexthop: strings.ToLower(status.Clean(strings.TrimSpace(v.PostForm.Get("nexthop")))),
		Reason:  status.Clean(strings.TrimSpace(v.PostForm.Get("reason"))),
	}
	if s.Nexthop == "" || len(s.Nexthop) > maxID || strings.ContainsAny(s.Nexthop, " \t") || len(s.Reason) > maxReason {
		return status.New(501, "5.5.4", "Bad destination or reason")
	}
	if text := strings.TrimSpace(v.PostForm.Get("for")); text != "" {
		d, err := parseAge(text)
		if err != nil {
			return badForm("for", text)
		}
		s.Until = c.o.Clock().Add(d)
	}
	if err := c.b.Suspend(s); err != nil {
		return err
	}
	c.note(v, "suspended %s: %s", s.Nexthop, s.Reason)
	http.Redirect(w, v.Request, Root+"#suspended", http.StatusSeeOther)
	return nil
}

// resume has mail go there again, or a service work that an admin suspended.
func (c *Console) resume(w http.ResponseWriter, v *visit) error {
	s := ctl.Suspension{Nexthop: v.PostForm.Get("nexthop"), Service: v.PostForm.Get("service")}
	if (s.Nexthop == "") == (s.Service == "") || len(s.Nexthop) > maxID || len(s.Service) > maxID {
		return errNotSuspended
	}
	err := c.b.Resume(v.Context(), s)
	if errors.Is(err, queue.ErrNotFound) {
		return errNotSuspended
	}
	if err != nil {
		return err
	}
	c.note(v, "resumed %s", s.Nexthop+s.Service)
	http.Redirect(w, v.Request, Root+"#suspended", http.StatusSeeOther)
	return nil
}
