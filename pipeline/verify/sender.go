package verify

import (
	"strconv"
	"strings"
	"time"
)

// Sender is the address that probes come from (address_verify_sender). It is a value.
type Sender struct {
	// Address is "user", "user@domain", or "" for the null sender; Origin completes it.
	Address, Origin string
	// TTL makes the address change this often, so that what strangers learned of it does not
	// stay of use (address_verify_sender_ttl); 0 for never.
	TTL time.Duration
}

// At returns the sender at a time.
func (s Sender) At(now time.Time) string {
	if s.Address == "" || s.Address == "<>" {
		return ""
	}
	user, domain, ok := strings.Cut(s.Address, "@")
	if !ok {
		domain = s.Origin
	}
	if s.TTL > 0 {
		user += strconv.FormatInt(now.Unix()/max(1, int64(s.TTL/time.Second)), 32)
	}
	return user + "@" + domain
}

// Own reports whether an address, in any case, is the sender now, or was or will be it the period
// before or after: clocks differ, and mail takes its time.
func (s Sender) Own(address string, now time.Time) bool {
	if address == "" {
		return false
	}
	for _, shift := range [...]time.Duration{0, -s.TTL, s.TTL} {
		if strings.EqualFold(s.At(now.Add(shift)), address) {
			return true
		}
	}
	return false
}
