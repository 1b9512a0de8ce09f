package wasm

import "github.com/mtad/mtad/plugins/sdk"

// maps is the module mtad1_map.
var maps = []function{
	{"mtad1_map", "map_get", "iiiiii>i", func(g *guest) int64 {
		name, ok := g.str(0)
		key, ok2 := g.str(2)
		if !ok || !ok2 {
			return bad
		}
		v, e := g.host.MapGet(name, key)
		return g.answerString(4, v, e)
	}},
}

// kv is the module mtad1_kv.
var kv = []function{
	{"mtad1_kv", "kv_get", "iiii>i", func(g *guest) int64 {
		key, ok := g.str(0)
		if !ok {
			return bad
		}
		v, e := g.host.KVGet(key)
		if e != sdk.OK {
			return int64(e)
		}
		return g.answer(2, v)
	}},
	{"mtad1_kv", "kv_set", "iiiii>i", func(g *guest) int64 {
		key, ok := g.str(0)
		v, ok2 := g.bytes(2)
		if !ok || !ok2 {
			return bad
		}
		return int64(g.host.KVSet(key, v, g.i32(4)))
	}},
	{"mtad1_kv", "kv_incr", "iili>l", func(g *guest) int64 {
		key, ok := g.str(0)
		if !ok {
			return bad
		}
		n, e := g.host.KVIncr(key, g.arg[2], g.i32(3))
		if e != sdk.OK {
			return int64(e)
		}
		return n
	}},
	{"mtad1_kv", "kv_del", "ii>i", func(g *guest) int64 {
		key, ok := g.str(0)
		if !ok {
			return bad
		}
		return int64(g.host.KVDel(key))
	}},
}

// names is the module mtad1_dns.
var names = []function{
	{"mtad1_dns", "dns", "iiiii>i", func(g *guest) int64 {
		name, ok := g.str(1)
		if !ok || g.arg[0] > 0xffff {
			return bad
		}
		v, e := g.host.DNS(sdk.DNSType(g.arg[0]), name)
		return g.answerString(3, v, e)
	}},
}

// scan is the module mtad1_scan.
var scan = []function{
	{"mtad1_scan", "words", "iiil>l", func(g *guest) int64 { return g.find(g.host.Words) }},
	{"mtad1_scan", "regexp", "iiil>l", func(g *guest) int64 { return g.find(g.host.Regexp) }},
	{"mtad1_scan", "hash", "iiii>i", func(g *guest) int64 {
		v, e := g.host.Hash(sdk.HashAlg(g.i32(0)), sdk.Text(g.i32(1)))
		return g.answerString(2, v, e)
	}},
	{"mtad1_scan", "mime_part", "iilii>i", func(g *guest) int64 {
		if g.arg[1] != 0 {
			v, e := g.host.MIMEPart(g.i32(0), sdk.MIMEInfo(g.i32(1)))
			return g.answerString(3, v, e)
		}
		p, ok := g.bytes(3)
		if !ok {
			return bad
		}
		n, e := g.host.MIMERead(g.i32(0), g.arg[2], p)
		if e != sdk.OK {
			return int64(e)
		}
		return int64(n)
	}},
}

// find serves words and regexp: what to find, in which text, from where.
func (g *guest) find(with func(string, sdk.Text, int64) (sdk.Match, sdk.Errno)) int64 {
	s, ok := g.str(0)
	if !ok {
		return bad
	}
	m, e := with(s, sdk.Text(g.i32(2)), g.arg[3])
	if e != sdk.OK {
		return int64(e)
	}
	return m.Begin
}

// transport is the module mtad1_deliver.
var transport = []function{
	{"mtad1_deliver", "rcpt_status", "iiiiii>i", func(g *guest) int64 {
		enhanced, ok := g.str(2)
		text, ok2 := g.str(4)
		if !ok || !ok2 {
			return bad
		}
		return int64(g.host.RcptStatus(g.i32(0), g.i32(1), enhanced, text))
	}},
}
