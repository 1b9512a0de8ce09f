package login

import (
	"context"
	"os/user"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
)

// Senders says who may send as whom. Safe for concurrent use; the nil Senders lets everybody send as
// anybody.
type Senders struct {
	// Maps is local_login_sender_maps.
	Maps table.Maps
	// NullKey stands for the null sender in what the tables list
	// (empty_address_local_login_sender_maps_lookup_key).
	NullKey string
	// Delimiter is recipient_delimiter: extensions of senders are passed over.
	Delimiter string
	// Name returns the login name of a user, "" when there is none; nil for the password file's.
	Name func(uid int) string
}

// Allow refuses a sender that a user may not send as. The error is temporary when a table could not be
// asked.
func (s *Senders) Allow(ctx context.Context, uid int, sender string) *status.Error {
	if s == nil {
		return nil
	}
	name := s.login(uid)
	patterns, _, err := readdress.Ask(ctx, s.Maps, name, true)
	if err != nil {
		return status.From(err).By("local_login_sender_maps")
	}
	for _, p := range strings.FieldsFunc(patterns, separates) {
		if s.matches(p, sender) {
			return nil
		}
	}
	return status.New(550, "5.7.1", "user %s is not allowed to send as <%s>", name, sender).By("local_login_sender_maps")
}

func separates(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// login is the name that the tables are asked for.
func (s *Senders) login(uid int) string {
	find := s.Name
	if find == nil {
		find = passwordFile
	}
	if name := find(uid); name != "" {
		return name
	}
	return "uid:" + strconv.Itoa(uid)
}

func passwordFile(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return ""
	}
	return u.Username
}

// matches compares a sender, without its extension, with one pattern.
func (s *Senders) matches(pattern, sender string) bool {
	if pattern == "*" {
		return true
	}
	if sender == "" {
		return strings.EqualFold(pattern, s.NullKey)
	}
	local, domain, ok := addr.Split(sender)
	site := readdress.Site{Delimiter: s.Delimiter}
	local, _ = site.SplitExtension(local)
	plain := addr.Unquote(local)
	if ok {
		if strings.EqualFold(pattern, "@"+domain) {
			return true
		}
		plain += "@" + domain
	}
	return strings.EqualFold(pattern, plain)
}
