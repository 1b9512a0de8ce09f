package wasm

// edit is the module mtad1_edit.
var edit = []function{
	{"mtad1_edit", "hdr_add", "iiiii>i", func(g *guest) int64 {
		name, ok := g.str(0)
		value, ok2 := g.str(2)
		if !ok || !ok2 {
			return bad
		}
		return int64(g.host.HdrAdd(name, value, g.i32(4)))
	}},
	{"mtad1_edit", "hdr_set", "iii>i", func(g *guest) int64 {
		value, ok := g.str(1)
		if !ok {
			return bad
		}
		return int64(g.host.HdrSet(g.i32(0), value))
	}},
	{"mtad1_edit", "hdr_del", "i>i", func(g *guest) int64 { return int64(g.host.HdrDel(g.i32(0))) }},
	{"mtad1_edit", "body_begin", ">i", func(g *guest) int64 { return int64(g.host.BodyBegin()) }},
	{"mtad1_edit", "body_write", "ii>i", func(g *guest) int64 {
		p, ok := g.bytes(0)
		if !ok {
			return bad
		}
		return int64(g.host.BodyWrite(p))
	}},
	{"mtad1_edit", "body_end", ">i", func(g *guest) int64 { return int64(g.host.BodyEnd()) }},
	{"mtad1_edit", "env_from", "ii>i", func(g *guest) int64 {
		a, ok := g.str(0)
		if !ok {
			return bad
		}
		return int64(g.host.EnvFrom(a))
	}},
	{"mtad1_edit", "rcpt_add", "iii>i", func(g *guest) int64 {
		a, ok := g.str(0)
		if !ok {
			return bad
		}
		return int64(g.host.RcptAdd(a, g.i32(2)))
	}},
	{"mtad1_edit", "rcpt_del", "i>i", func(g *guest) int64 { return int64(g.host.RcptDel(g.i32(0))) }},
}
