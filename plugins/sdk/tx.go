package sdk

import (
	"io"
	"strconv"
)

// Tx is what a hook sees of the transaction and may propose: Host in comfortable words. It is
// valid until the hook returns.
type Tx struct{ Host Host }

// Property returns a property by its name in the ABI, "" when it has no value at this point.
func (tx Tx) Property(key string) string {
	v, _ := tx.Host.Get(key)
	return v
}

// QueueID returns the queue id, "" before there is one.
func (tx Tx) QueueID() string { return tx.Property("queue.id") }

// ClientAddr returns the IP address of the client, "" for mail that came otherwise.
func (tx Tx) ClientAddr() string { return tx.Property("client.addr") }

// ClientName returns the verified host name of the client, or "unknown".
func (tx Tx) ClientName() string { return tx.Property("client.name") }

// Helo returns the name the client gave in HELO or EHLO.
func (tx Tx) Helo() string { return tx.Property("helo") }

// AuthUser returns the authenticated user, "" when there is none.
func (tx Tx) AuthUser() string { return tx.Property("auth.user") }

// Sender returns the envelope sender, "" for notices.
func (tx Tx) Sender() string { return tx.Property("mail.from") }

// Rcpt returns the recipient that the rcpt, rewrite or route hook is about.
func (tx Tx) Rcpt() string { return tx.Property("rcpt.addr") }

// OriginKind says how the message came: "smtp", "sendmail", "bounce", "forward".
func (tx Tx) OriginKind() string { return tx.Property("origin.kind") }

// Recipients returns the envelope recipients as they are now.
func (tx Tx) Recipients() []string {
	list := make([]string, 0, tx.Host.RcptCount())
	for i := range tx.Host.RcptCount() {
		if a, e := tx.Host.RcptGet(i, RcptAddr); e == OK {
			list = append(list, a)
		}
	}
	return list
}

// Config returns a value of the plugin's configuration, or def when it is not set.
func (tx Tx) Config(key, def string) string {
	if v, e := tx.Host.Config(key); e == OK {
		return v
	}
	return def
}

// ConfigInt is Config for a number; def also stands for one that is malformed.
func (tx Tx) ConfigInt(key string, def int) int {
	if n, err := strconv.Atoi(tx.Config(key, "")); err == nil {
		return n
	}
	return def
}

// Header returns the unfolded value of the first field with this name, "" when there is none.
func (tx Tx) Header(name string) string {
	i := tx.Host.HdrFind(name, 0)
	if i < 0 {
		return ""
	}
	v, _ := tx.Host.HdrGet(i, PartValue)
	return string(v)
}

// Headers returns the unfolded values of all fields with this name.
func (tx Tx) Headers(name string) []string {
	var list []string
	for i := tx.Host.HdrFind(name, 0); i >= 0; i = tx.Host.HdrFind(name, i+1) {
		if v, e := tx.Host.HdrGet(i, PartValue); e == OK {
			list = append(list, string(v))
		}
	}
	return list
}

// AddHeader appends a field at the end of the header.
func (tx Tx) AddHeader(name, value string) error { return result(tx.Host.HdrAdd(name, value, -1)) }

// PrependHeader inserts a field at the top of the header.
func (tx Tx) PrependHeader(name, value string) error { return result(tx.Host.HdrAdd(name, value, 0)) }

// SetHeader gives the first field with this name another value, or appends one.
func (tx Tx) SetHeader(name, value string) error {
	if i := tx.Host.HdrFind(name, 0); i >= 0 {
		return result(tx.Host.HdrSet(i, value))
	}
	return tx.AddHeader(name, value)
}

// DelHeader removes every field with this name.
func (tx Tx) DelHeader(name string) error {
	for i := tx.Host.HdrFind(name, 0); i >= 0; i = tx.Host.HdrFind(name, i) {
		if e := tx.Host.HdrDel(i); e != OK {
			return e
		}
	}
	return nil
}

// Body reads the body from its begin.
func (tx Tx) Body() io.Reader { return &reader{read: tx.Host.BodyRead} }

// Message reads the whole message, header included, from its begin.
func (tx Tx) Message() io.Reader { return &reader{read: tx.Host.MsgRead} }

type reader struct {
	read func(int64, []byte) (int, Errno)
	off  int64
}

// Read reads the next bytes.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, e := r.read(r.off, p)
	r.off += int64(n)
	switch {
	case e != OK:
		return n, e
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// ReplaceBody makes text the body; lines may end in LF or CRLF. Nothing changes when it fails.
func (tx Tx) ReplaceBody(text io.Reader) error {
	if e := tx.Host.BodyBegin(); e != OK {
		return e
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := text.Read(buf)
		if n > 0 {
			if e := tx.Host.BodyWrite(buf[:n]); e != OK {
				return e
			}
		}
		if err == io.EOF {
			return result(tx.Host.BodyEnd())
		}
		if err != nil {
			return err
		}
	}
}

// SetSender changes the envelope sender.
func (tx Tx) SetSender(address string) error { return result(tx.Host.EnvFrom(address)) }

// AddRcpt adds an envelope recipient.
func (tx Tx) AddRcpt(address string) error { return result(tx.Host.RcptAdd(address, 0)) }

// DelRcpt removes every envelope recipient with this address.
func (tx Tx) DelRcpt(address string) error {
	for i := tx.Host.RcptCount() - 1; i >= 0; i-- {
		if a, e := tx.Host.RcptGet(i, RcptAddr); e == OK && a == address {
			if e := tx.Host.RcptDel(i); e != OK {
				return e
			}
		}
	}
	return nil
}

// Log writes a line to the mail log under the plugin's name.
func (tx Tx) Log(level Level, text string) { tx.Host.Log(level, text) }

// Count adds delta to a counter of the plugin that appears in the metrics.
func (tx Tx) Count(name string, delta int64) { tx.Host.Counter(name, delta) }

// Stash keeps value under key for this plugin until the scope ends; Stashed returns it.
func (tx Tx) Stash(s Scope, key string, value []byte) error {
	return result(tx.Host.StashSet(s, key, value))
}

// Stashed returns what Stash kept, nil when there is nothing.
func (tx Tx) Stashed(s Scope, key string) []byte {
	v, _ := tx.Host.StashGet(s, key)
	return v
}

func result(e Errno) error {
	if e == OK {
		return nil
	}
	return e
}
