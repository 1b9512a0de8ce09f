//go:build wasip1

// Command json-transport is a transport for mtad: it delivers a message by a line of JSON in the
// mail log for each recipient, from where a log shipper takes it on.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/guest"
)

func init() { guest.Register(&transport{}) }

func main() {}

// transport is the plugin. It is set by Init and not changed afterwards.
type transport struct {
	excerpt int  // bytes of the text that a line has
	users   bool // there is a table of recipients
}

// logQuota is how much of what mtad lets one call log is used, of 4 KiB; maxExcerpt is the largest
// excerpt with which a line fits into it.
const (
	logQuota   = 4000
	maxExcerpt = 1000
)

// line is what is written for one recipient. Its names are the format: do not change them.
type line struct {
	ID        string `json:"id"`
	From      string `json:"from"`
	To        string `json:"to"`
	User      string `json:"user,omitempty"` // what the table says of the recipient
	Subject   string `json:"subject,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	Date      string `json:"date,omitempty"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"` // of the body
	Text      string `json:"text,omitempty"`
}

// Init reads the configuration.
func (t *transport) Init(tx sdk.Tx) error {
	n, err := strconv.Atoi(tx.Config("excerpt", "0"))
	if err != nil || n < 0 || n > maxExcerpt {
		return errors.New("excerpt must be 0 to " + strconv.Itoa(maxExcerpt) + " bytes")
	}
	t.excerpt = n
	t.users = tx.Config("maps.users", "") != ""
	return nil
}

// Deliver is asked about some recipients of one message.
func (t *transport) Deliver(tx sdk.Tx) sdk.Verdict {
	l, err := t.common(tx)
	if err != nil {
		return sdk.Tempfail("4.3.0", "the message cannot be read: "+err.Error())
	}
	tx.Host.Set("deliver.relay", "log")
	left := logQuota
	for i, rcpt := range tx.Recipients() {
		l.To = rcpt
		if left, err = t.one(tx, i, l, left); err != nil {
			return sdk.Tempfail("4.3.0", "what became of a recipient cannot be said: "+err.Error())
		}
	}
	return sdk.Continue
}

// one delivers to recipient i, and returns what is left of the quota.
func (t *transport) one(tx sdk.Tx, i int, l line, left int) (int, error) {
	if t.users {
		user, found, err := tx.Map("users", strings.ToLower(l.To))
		switch {
		case err != nil: // an error is not "no"
			return left, tx.Deferred(i, "4.3.0", "the table of users cannot be asked")
		case !found:
			return left, tx.Bounced(i, "5.1.1", "no such user here")
		}
		l.User = short(user, 200)
	}
	text, err := json.Marshal(l)
	if err != nil {
		return left, tx.Deferred(i, "4.3.0", "cannot be written as JSON")
	}
	switch {
	case len(text)+1 > logQuota:
		return left, tx.Bounced(i, "5.3.4", "the line would be too long")
	case len(text)+1 > left: // more of them come with the next attempt
		return 0, tx.Deferred(i, "4.3.2", "too many recipients at once, the rest follows")
	}
	tx.Log(sdk.LevelInfo, string(text))
	tx.Count("lines", 1)
	return left - len(text) - 1, tx.Sent(i, "written to the log")
}

// common is what the lines of all recipients have.
func (t *transport) common(tx sdk.Tx) (line, error) {
	sum, e := tx.Host.Hash(sdk.SHA256, sdk.TextBody)
	if e != sdk.OK {
		return line{}, e
	}
	l := line{ID: tx.QueueID(), From: tx.Sender(), Size: tx.Host.BodySize(), SHA256: sum,
		Subject: short(tx.Header("Subject"), 300), MessageID: short(tx.Header("Message-ID"), 200), Date: short(tx.Header("Date"), 60)}
	if t.excerpt == 0 {
		return l, nil
	}
	for p := range tx.Parts() {
		if p.Err != nil {
			return line{}, p.Err
		}
		if p.Type == "text/plain" && p.Place != "attachment" {
			text, err := io.ReadAll(io.LimitReader(p.Content(), int64(t.excerpt)))
			l.Text = whole(string(text))
			return l, err
		}
	}
	return l, nil
}

// short cuts a text to n bytes.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return whole(s[:n]) + "..."
}

// whole takes the half of a character off the end.
func whole(s string) string {
	for i := 1; i <= 3 && i <= len(s); i++ {
		if c := s[len(s)-i]; utf8.RuneStart(c) {
			if !utf8.FullRuneInString(s[len(s)-i:]) {
				return s[:len(s)-i]
			}
			break
		}
	}
	return s
}
