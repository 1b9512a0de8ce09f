package wasm

import "github.com/mtad/mtad/plugins/sdk"

// base is the module mtad1, always granted.
var base = []function{
	{"mtad1", "get", "iiii>i", func(g *guest) int64 {
		k, ok := g.str(0)
		if !ok {
			return bad
		}
		v, e := g.host.Get(k)
		return g.answerString(2, v, e)
	}},
	{"mtad1", "set", "iiii>i", func(g *guest) int64 {
		k, ok := g.str(0)
		v, ok2 := g.str(2)
		if !ok || !ok2 {
			return bad
		}
		return int64(g.host.Set(k, v))
	}},
	{"mtad1", "hdr_count", ">i", func(g *guest) int64 { return int64(g.host.HdrCount()) }},
	{"mtad1", "hdr_get", "iiii>i", func(g *guest) int64 {
		v, e := g.host.HdrGet(g.i32(0), sdk.Part(g.arg[1]))
		if e != sdk.OK {
			return int64(e)
		}
		return g.answer(2, v)
	}},
	{"mtad1", "hdr_find", "iii>i", func(g *guest) int64 {
		name, ok := g.str(0)
		if !ok {
			return bad
		}
		return int64(g.host.HdrFind(name, g.i32(2)))
	}},
	{"mtad1", "rcpt_count", ">i", func(g *guest) int64 { return int64(g.host.RcptCount()) }},
	{"mtad1", "rcpt_get", "iiii>i", func(g *guest) int64 {
		v, e := g.host.RcptGet(g.i32(0), sdk.RcptPart(g.arg[1]))
		return g.answerString(2, v, e)
	}},
	{"mtad1", "body_size", ">l", func(g *guest) int64 { return g.host.BodySize() }},
	{"mtad1", "body_read", "lii>i", func(g *guest) int64 { return g.read(g.host.BodyRead) }},
	{"mtad1", "msg_read", "lii>i", func(g *guest) int64 { return g.read(g.host.MsgRead) }},
	{"mtad1", "reply", "iiiii>i", func(g *guest) int64 {
		enhanced, ok := g.str(1)
		text, ok2 := g.str(3)
		if !ok || !ok2 {
			return bad
		}
		return int64(g.host.Reply(g.i32(0), enhanced, text))
	}},
	{"mtad1", "config", "iiii>i", func(g *guest) int64 {
		k, ok := g.str(0)
		if !ok {
			return bad
		}
		v, e := g.host.Config(k)
		return g.answerString(2, v, e)
	}},
	{"mtad1", "log", "iii>", func(g *guest) int64 {
		if text, ok := g.str(1); ok {
			g.host.Log(sdk.Level(g.i32(0)), text)
		}
		return 0
	}},
	{"mtad1", "now", "i>l", func(g *guest) int64 { return g.host.Now(g.i32(0)) }},
	{"mtad1", "random", "ii>i", func(g *guest) int64 {
		p, ok := g.mem.Read(uint32(g.arg[0]), uint32(g.arg[1]))
		if !ok {
			return bad
		}
		g.random(p)
		return 0
	}},
	{"mtad1", "stash_get", "iiiii>i", func(g *guest) int64 {
		k, ok := g.str(1)
		if !ok {
			return bad
		}
		v, e := g.host.StashGet(sdk.Scope(g.arg[0]), k)
		if e != sdk.OK {
			return int64(e)
		}
		return g.answer(3, v)
	}},
	{"mtad1", "stash_set", "iiiii>i", func(g *guest) int64 {
		k, ok := g.str(1)
		v, ok2 := g.bytes(3)
		if !ok || !ok2 {
			return bad
		}
		return int64(g.host.StashSet(sdk.Scope(g.arg[0]), k, v))
	}},
	{"mtad1", "counter", "iil>i", func(g *guest) int64 {
		name, ok := g.str(0)
		if !ok {
			return bad
		}
		return int64(g.host.Counter(name, g.arg[2]))
	}},
	{"mtad1", "feature", "ii>i", func(g *guest) int64 {
		name, ok := g.str(0)
		if ok && g.host.Feature(name) {
			return 1
		}
		return 0
	}},
}

// read serves body_read and msg_read: offset, buffer, capacity.
func (g *guest) read(from func(int64, []byte) (int, sdk.Errno)) int64 {
	p, ok := g.bytes(1)
	if !ok {
		return bad
	}
	n, e := from(g.arg[0], p)
	if e != sdk.OK {
		return int64(e)
	}
	return int64(n)
}

// randomPiece is how many random bytes are made between two looks at the account: they are the
// dearest bytes that a host call moves.
const randomPiece = 16 << 10

// random fills p.
func (g *guest) random(p []byte) {
	for len(p) > 0 {
		n := min(len(p), randomPiece)
		g.in.pay(n)
		g.host.Random(p[:n])
		p = p[n:]
	}
}
