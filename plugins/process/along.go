package process

import (
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// wants are what to send along with calls, per point. Safe for concurrent use.
type wants [sdk.NumPoints]atomic.Pointer[want]

type want struct {
	names                    []string
	header, recipients, body bool
}

// add takes another wish of the plugin, within wire.MaxWanted.
func (w *wants) add(more *wire.Want) {
	if int(more.GetPoint()) >= sdk.NumPoints {
		return
	}
	at := &w[more.GetPoint()]
	for {
		old := at.Load()
		var n want
		if old != nil {
			n = want{append([]string(nil), old.names...), old.header, old.recipients, old.body}
		}
		n.header, n.recipients, n.body = n.header || more.GetHeader(), n.recipients || more.GetRecipients(), n.body || more.GetBody()
		for _, name := range more.GetProperties() {
			n.property(name)
		}
		if at.CompareAndSwap(old, &n) {
			return
		}
	}
}

func (n *want) property(name string) {
	if name == "" || len(name) > 64 || len(n.names) == wire.MaxWanted {
		return
	}
	for _, have := range n.names {
		if have == name {
			return
		}
	}
	n.names = append(n.names, name)
}

// callOf makes the call of a hook with what the plugin wants at its point.
func (l *lane) callOf(p sdk.Point, h sdk.Host, limit time.Duration) *wire.Call {
	c := &wire.Call{Id: l.id, Point: uint32(p), LimitNanos: int64(limit), RealtimeNanos: h.Now(0), MonotonicNanos: h.Now(1)}
	w := l.c.wants[p].Load()
	if w == nil {
		return c
	}
	if len(w.names) > 0 {
		c.Properties = properties(h, w.names)
	}
	l.buf = l.buf[:0]
	if w.header {
		c.Header = l.header(h)
	}
	if w.recipients {
		c.Recipients = recipients(h)
	}
	if w.body {
		c.Body = l.begin(p, h)
	}
	return c
}

func properties(h sdk.Host, names []string) []*wire.Property {
	all, list := make([]wire.Property, len(names)), make([]*wire.Property, len(names))
	for i, name := range names {
		v, e := h.Get(name)
		all[i].Name, all[i].Value, all[i].Error = name, []byte(v), int32(e)
		list[i] = &all[i]
	}
	return list
}

// header is the whole header, nil when there is none or it is too large to be sent along.
func (l *lane) header(h sdk.Host) *wire.Header {
	n := h.HdrCount()
	if n == 0 || n > wire.MaxText/16 {
		return nil
	}
	fields, list := make([]wire.Field, n), make([]*wire.Field, n)
	for i := range n {
		name, e1 := h.HdrGet(i, sdk.PartName)
		begin := len(l.buf)
		l.buf = append(l.buf, name...)
		value, e2 := h.HdrGet(i, sdk.PartValue)
		middle := len(l.buf)
		l.buf = append(l.buf, value...)
		if e1 != sdk.OK || e2 != sdk.OK || len(l.buf) > wire.MaxText {
			return nil
		}
		fields[i].Name, fields[i].Value = l.buf[begin:middle:middle], l.buf[middle:len(l.buf):len(l.buf)]
		list[i] = &fields[i]
	}
	return &wire.Header{Fields: list}
}

// recipients is the list of recipients, nil when it is too long to be sent along.
func recipients(h sdk.Host) *wire.Recipients {
	n, size := h.RcptCount(), 0
	if n > 1000 {
		return nil
	}
	r := &wire.Recipients{List: make([]*wire.Recipient, n)}
	for i := range n {
		address, e1 := h.RcptGet(i, sdk.RcptAddr)
		original, e2 := h.RcptGet(i, sdk.RcptOriginal)
		params, e3 := h.RcptGet(i, sdk.RcptParams)
		if size += len(address) + len(original) + len(params); e1 != sdk.OK || e2 != sdk.OK || e3 != sdk.OK || size > wire.MaxText {
			return nil
		}
		r.List[i] = &wire.Recipient{Address: []byte(address), Original: []byte(original), Params: []byte(params)}
	}
	return r
}

// begin is the begin of the body, or the chunk that a body hook is about; nil before there is one.
func (l *lane) begin(p sdk.Point, h sdk.Host) *wire.Text {
	t := &wire.Text{Size: h.BodySize()}
	n := int64(wire.Begin)
	if p == sdk.PointBody {
		t.Offset, n = number(h, "body.offset"), min(number(h, "body.length"), wire.MaxText)
	}
	if n = min(n, t.Size-t.Offset); t.Size < 0 || n < 0 {
		return nil
	}
	at := len(l.buf)
	l.buf = append(l.buf, make([]byte, n)...)
	k, e := h.BodyRead(t.Offset, l.buf[at:])
	if e != sdk.OK {
		return nil
	}
	t.Data, t.End = l.buf[at:at+k], t.Offset+int64(k) >= t.Size
	return t
}

// number is a property that is a number.
func number(h sdk.Host, key string) int64 {
	v, _ := h.Get(key)
	var n int64
	for _, c := range v {
		n = n*10 + int64(c-'0')
	}
	return n
}
