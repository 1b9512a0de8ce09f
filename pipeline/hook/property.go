package hook

import (
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/plugins/sdk"
)

// Get returns a property of the transaction. Properties that have no value at this point are
// not found.
func (h *host) Get(key string) (string, sdk.Errno) {
	v, ok := h.property(key)
	if !ok || v == "" && key != "mail.from" {
		return "", sdk.ErrNotFound
	}
	return v, sdk.OK
}

func (h *host) property(key string) (string, bool) {
	group, _, _ := strings.Cut(key, ".")
	switch group {
	case "client", "server", "tls", "helo", "auth", "origin":
		return h.originProperty(key)
	case "mail", "rcpt", "queue":
		return h.envelopeProperty(key)
	case "rewrite", "route", "lookup", "event":
		return h.askedProperty(key)
	case "body", "scan", "mime":
		return h.textProperty(key)
	case "point":
		return h.pt.String(), key == "point"
	case "plugin":
		return h.p.name, key == "plugin.name"
	}
	return "", false
}

func (h *host) originProperty(key string) (string, bool) {
	o := h.m.sess.origin
	switch key {
	case "client.addr":
		if !o.Client.IsValid() {
			return "", false
		}
		return o.Client.Addr().Unmap().String(), true
	case "client.port":
		return strconv.Itoa(int(o.Client.Port())), o.Client.IsValid()
	case "client.name":
		return o.ClientName, true
	case "client.reverse":
		return o.ReverseName, true
	case "client.trusted":
		return "1", o.Trusted
	case "tls.version":
		return o.TLSVersion, true
	case "tls.cipher":
		return o.TLSCipher, true
	case "tls.subject", "tls.issuer", "tls.fingerprint":
		return certificateProperty(o.Certificate, key)
	case "tls.bits":
		return strconv.Itoa(o.TLSBits), o.TLSVersion != ""
	case "helo":
		return o.Helo, true
	case "auth.user":
		return o.SASLUser, true
	case "auth.method":
		return o.SASLMethod, true
	}
	return h.placeProperty(key)
}

// certificateProperty is what the client showed by TLS: names of a certificate that is trusted alone.
func certificateProperty(c *mail.Certificate, key string) (string, bool) {
	switch {
	case c == nil:
		return "", false
	case key == "tls.fingerprint":
		return c.Print, true
	case !c.Trusted:
		return "", false
	case key == "tls.issuer":
		return c.Issuer, true
	}
	return c.Subject, true
}

// placeProperty is where and how the message came in.
func (h *host) placeProperty(key string) (string, bool) {
	o := h.m.sess.origin
	switch key {
	case "auth.sender":
		// AUTH= belongs to MAIL, so to the transaction and not to the connection.
		return h.m.env.Origin.SASLSender, true
	case "server.addr":
		if !o.Server.IsValid() {
			return "", false
		}
		return o.Server.Addr().Unmap().String(), true
	case "server.port":
		return strconv.Itoa(int(o.Server.Port())), o.Server.IsValid()
	case "origin.uid":
		return strconv.Itoa(o.UID), o.Kind == mail.KindSendmail && o.UID >= 0
	case "origin.kind":
		return string(o.Kind), true
	case "origin.service":
		return o.Service, true
	case "origin.proto":
		return o.Proto, true
	}
	return "", false
}

func (h *host) envelopeProperty(key string) (string, bool) {
	env := h.m.env
	switch key {
	case "mail.from":
		if h.sender != nil {
			return *h.sender, true
		}
		return env.Sender, h.pt >= sdk.PointMail && h.pt != sdk.PointLookup
	case "mail.params":
		if h.m.params == "" {
			return MailParams(env, 0), h.pt >= sdk.PointMail && h.pt != sdk.PointLookup
		}
		return h.m.params, true
	case "mail.envid":
		return env.EnvID, true
	case "queue.id":
		return env.ID, true
	case "rcpt.addr":
		if h.m.rcpt != nil {
			return h.m.rcpt.Address, true
		}
	case "rcpt.params":
		if h.m.rcpt != nil {
			return rcptParams(h.m.rcpt), true
		}
	}
	return "", false
}

// rcptParams writes the DSN parameters of a recipient as RCPT has them.
func rcptParams(r *mail.Recipient) string {
	var words []string
	if n := NotifyWords(r.Notify); n != "" {
		words = append(words, "NOTIFY="+n)
	}
	if r.ORcpt != "" {
		words = append(words, "ORCPT="+r.ORcpt)
	}
	return strings.Join(words, " ")
}

// NotifyWords writes a set of DSN wishes as RFC 3461 §4.1 does, "" for the default.
func NotifyWords(n mail.Notify) string {
	if n&mail.NotifyNever != 0 {
		return "NEVER"
	}
	var words []string
	for _, w := range []struct {
		n    mail.Notify
		word string
	}{{mail.NotifySuccess, "SUCCESS"}, {mail.NotifyFailure, "FAILURE"}, {mail.NotifyDelay, "DELAY"}} {
		if n&w.n != 0 {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ",")
}

// askedProperty is what a rewrite, route, lookup or event hook is about.
func (h *host) askedProperty(key string) (string, bool) {
	q := &h.m.asked
	switch key {
	case "rewrite.class":
		return q.class, true
	case "rewrite.addr":
		return q.addr, true
	case "route.transport":
		return q.transport, true
	case "route.nexthop":
		return q.nexthop, true
	case "lookup.key":
		return q.key, h.pt == sdk.PointLookup
	}
	if q.event == nil {
		return "", false
	}
	return eventProperty(q.event, key)
}

// textProperty is what is said of chunks, matches and MIME parts.
func (h *host) textProperty(key string) (string, bool) {
	c := &h.m.chunk
	switch key {
	case "body.offset":
		return strconv.FormatInt(c.begin, 10), h.pt == sdk.PointBody
	case "body.length":
		return strconv.FormatInt(c.end-c.begin, 10), h.pt == sdk.PointBody
	case "scan.match":
		return h.match.Found, h.matched
	case "scan.end":
		return strconv.FormatInt(h.match.End, 10), h.matched
	case "mime.count":
		return h.partCount()
	}
	return "", false
}
