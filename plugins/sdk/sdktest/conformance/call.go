package conformance

import (
	"strconv"

	"github.com/mtad/mtad/plugins/sdk"
)

// run makes the call that the line is about and logs what it says.
func (c *call) run(h sdk.Host) {
	for _, group := range []func(sdk.Host) (string, said){c.base, c.edit, c.service, c.scan} {
		switch result, s := group(h); s {
		case aloud:
			h.Log(sdk.LevelInfo, c.line+": "+result)
			return
		case silent:
			return
		}
	}
	h.Log(sdk.LevelInfo, c.line+": unknown")
}

// said is whether a command was known, and whether its result is logged.
type said int

const (
	unknown said = iota
	silent
	aloud
)

// errno is the result of a call that is logged only when it fails.
func errno(e sdk.Errno) (string, said) {
	if e == sdk.OK {
		return "", silent
	}
	return strconv.Itoa(int(e)), aloud
}

// text is the result of a call that returns bytes.
func text[T string | []byte](v T, e sdk.Errno) (string, said) {
	if e != sdk.OK {
		return errno(e)
	}
	return string(v), aloud
}

func number(n int64) (string, said) { return strconv.FormatInt(n, 10), aloud }

// base are the calls that every plugin is granted.
func (c *call) base(h sdk.Host) (string, said) {
	switch c.name {
	case "get":
		return text(h.Get(c.last()))
	case "set":
		return errno(h.Set(c.word(), c.last()))
	case "reply":
		return errno(h.Reply(c.int(), c.word(), c.last()))
	case "config":
		return text(h.Config(c.last()))
	case "now":
		return number(h.Now(c.int()))
	case "random":
		return c.random(h)
	case "stash_get":
		return text(h.StashGet(sdk.Scope(c.int()), c.last()))
	case "stash_set":
		return errno(h.StashSet(sdk.Scope(c.int()), c.word(), []byte(c.last())))
	case "counter":
		return errno(h.Counter(c.word(), c.number()))
	case "feature":
		return map[bool]string{false: "0", true: "1"}[h.Feature(c.last())], aloud
	case "trap":
		panic("trap")
	}
	return c.message(h)
}

func (c *call) random(h sdk.Host) (string, said) {
	p := make([]byte, min(max(c.int(), 1), 64))
	h.Random(p)
	for _, b := range p {
		if b != p[0] {
			return "ok", aloud
		}
	}
	return "all the same", aloud
}

// message are the calls that read the message.
func (c *call) message(h sdk.Host) (string, said) {
	switch c.name {
	case "hdr_count":
		return number(int64(h.HdrCount()))
	case "hdr_get":
		return text(h.HdrGet(c.int(), sdk.Part(c.number())))
	case "hdr_find":
		from := c.int()
		return number(int64(h.HdrFind(c.last(), from)))
	case "rcpt_count":
		return number(int64(h.RcptCount()))
	case "rcpt_get":
		return text(h.RcptGet(c.int(), sdk.RcptPart(c.number())))
	case "body_size":
		return number(h.BodySize())
	case "body_read":
		return c.read(h.BodyRead)
	case "msg_read":
		return c.read(h.MsgRead)
	}
	return "", unknown
}

// read takes an offset and a length.
func (c *call) read(from func(int64, []byte) (int, sdk.Errno)) (string, said) {
	off := c.number()
	p := make([]byte, min(max(c.int(), 0), 4096))
	n, e := from(off, p)
	return text(p[:n], e)
}

// edit are the calls of the capability "edit".
func (c *call) edit(h sdk.Host) (string, said) {
	switch c.name {
	case "hdr_add":
		pos, name := c.int(), c.word()
		return errno(h.HdrAdd(name, c.last(), pos))
	case "hdr_set":
		return errno(h.HdrSet(c.int(), c.last()))
	case "hdr_del":
		return errno(h.HdrDel(c.int()))
	case "body_begin":
		return errno(h.BodyBegin())
	case "body_write":
		return errno(h.BodyWrite([]byte(c.last())))
	case "body_end":
		return errno(h.BodyEnd())
	case "env_from":
		return errno(h.EnvFrom(c.last()))
	case "rcpt_add":
		flags := c.int()
		return errno(h.RcptAdd(c.last(), flags))
	case "rcpt_del":
		return errno(h.RcptDel(c.int()))
	}
	return "", unknown
}

// service are the calls of the capabilities map, kv, dns and deliver.
func (c *call) service(h sdk.Host) (string, said) {
	switch c.name {
	case "map_get":
		return text(h.MapGet(c.word(), c.last()))
	case "kv_get":
		return text(h.KVGet(c.last()))
	case "kv_set":
		ttl, key := c.int(), c.word()
		return errno(h.KVSet(key, []byte(c.last()), ttl))
	case "kv_incr":
		ttl, delta := c.int(), c.number()
		n, e := h.KVIncr(c.last(), delta, ttl)
		if e != sdk.OK {
			return errno(e)
		}
		return number(n)
	case "kv_del":
		return errno(h.KVDel(c.last()))
	case "dns":
		return text(h.DNS(sdk.DNSType(c.number()), c.last()))
	case "rcpt_status":
		return errno(h.RcptStatus(c.int(), c.int(), c.word(), c.last()))
	}
	return "", unknown
}

// scan are the calls of the capability "scan".
func (c *call) scan(h sdk.Host) (string, said) {
	switch c.name {
	case "words":
		what, from := sdk.Text(c.number()), c.number()
		return match(h.Words(c.last(), what, from))
	case "regexp":
		what, from := sdk.Text(c.number()), c.number()
		return match(h.Regexp(c.last(), what, from))
	case "hash":
		return text(h.Hash(sdk.HashAlg(c.number()), sdk.Text(c.number())))
	case "mime_part":
		return text(h.MIMEPart(c.int(), sdk.MIMEInfo(c.number())))
	case "mime_read":
		i := c.int()
		return c.read(func(off int64, p []byte) (int, sdk.Errno) { return h.MIMERead(i, off, p) })
	}
	return "", unknown
}

func match(m sdk.Match, e sdk.Errno) (string, said) {
	if e != sdk.OK {
		return errno(e)
	}
	return strconv.FormatInt(m.Begin, 10) + " " + strconv.FormatInt(m.End, 10) + " " + m.Found, aloud
}
