package wasmtest

import (
	"bytes"
	_ "embed" // the guest in C
	"slices"
	"strings"
)

//go:embed testdata/abuse.wasm
var abuse []byte

// Guest is one of the hostile set.
type Guest struct {
	Name   string
	Wasm   []byte
	Config map[string]string
	// Refused is what the error of loading it says; "" if it loads.
	Refused string
	// Fails is what the error of a call at eom says, alternatives separated by "|"; "" if the call
	// succeeds.
	Fails string
}

// Capabilities are those that the set asks for.
func Capabilities() []string { return []string{"edit", "kv", "map", "dns", "scan", "deliver"} }

// Hostile returns the hostile set. The modules are shared and not to be changed.
func Hostile() []Guest {
	const time, calls = "time limit exceeded", "time limit exceeded|too many host calls"
	var set []Guest
	for name, fails := range map[string]string{
		"loop": time, "recursion": "recursion too deep", "tree": "recursion too deep",
		"frames": "out of bounds|recursion too deep", "bomb": "", "fill": time, "copy": time, "grow": time,
		"trap": "unreachable", "divide": "integer divide by zero", "beyond": "out of bounds memory access", "exit": "ended itself",
		"calls": calls, "reads": calls, "random": time, "log": "|" + calls, "edits": "|" + time, "recipients": "|" + time,
		"body": time + "|body_begin without", "stash": calls, "counters": calls, "store": "|" + calls,
		"patterns": calls, "words": calls, "print": time, "vectors": "", "renumber": "", "randoms": time, "polls": calls, "sleep": time,
		"inject": "", "inject-reply": "", "inject-hold": "", "inject-redirect": "", "inject-found": "verdict",
		"reply": "", "class": "does not fit", "negative": "verdict", "large": "verdict", "unfinished": "body_begin without",
	} {
		set = append(set, Guest{Name: name, Wasm: abuse, Config: map[string]string{"do": name}, Fails: fails})
	}
	slices.SortFunc(set, func(a, b Guest) int { return strings.Compare(a.Name, b.Name) })
	return append(set, assembled()...)
}

// assembled are the guests that no compiler writes.
func assembled() []Guest {
	zero := Const(I32, 0)
	return []Guest{
		{Name: "start function that loops", Wasm: started(Forever()), Refused: "time limit exceeded"},
		{Name: "start function that traps", Wasm: started([]byte{0}), Refused: "unreachable"},
		{Name: "_initialize that loops", Wasm: initialising("_initialize", nil, Forever()), Refused: "time limit exceeded"},
		{Name: "_initialize that traps", Wasm: initialising("_initialize", nil, []byte{0}), Refused: "unreachable"},
		{Name: "mtad_init that traps", Wasm: initialising("mtad_init", []byte{I32}, []byte{0}), Refused: "unreachable"},
		{Name: "mtad_init of another type", Wasm: initialising("mtad_init", nil, nil), Refused: "mtad_init has type"},
		{Name: "table.grow", Wasm: growing(), Fails: "time limit exceeded"},
		{Name: "a table of all elements there can be", Wasm: tabled(10_000_000), Refused: "table"},
		{Name: "a table of 100,000 elements", Wasm: tabled(100_000)},
		{Name: "data beyond the memory", Wasm: withData(0x7fffffff, []byte("x")), Refused: "out of bounds"},
		{Name: "a megabyte of data", Wasm: withData(0, make([]byte, 1<<20))},
		{Name: "more memory than it may have", Wasm: Plugin(65536).Hook("eom", zero).Encode(), Refused: "memory"},
		{Name: "20,000 exports", Wasm: exporting(20_000), Refused: "exports"},
		{Name: "5,000 exports", Wasm: exporting(5000)},
		{Name: "blocks 100,000 deep", Wasm: nested(100_000), Refused: "nested"},
		{Name: "blocks 5,000 deep", Wasm: nested(5000)},
		{Name: "10,000 loops in a function", Wasm: Plugin(1).Hook("eom", bytes.Repeat([]byte{3, 0x40, 0x0b}, 10_000), zero).Encode(), Refused: "loops"},
		{Name: "half a module", Wasm: abuse[:len(abuse)/2], Refused: "malformed"},
		{Name: "no module", Wasm: []byte("\x7fELF and more"), Refused: "magic"},
	}
}

func started(code []byte) []byte {
	m := Plugin(1).Hook("eom", Const(I32, 0))
	m.Start, m.HasStart = m.Func(nil, nil, code), true
	return m.Encode()
}

func initialising(name string, results, code []byte) []byte {
	m := Plugin(1).Hook("eom", Const(I32, 0))
	m.Func(nil, results, code, name)
	return m.Encode()
}

// growing grows its table for ever: table.grow by one element, drop.
func growing() []byte {
	m := Plugin(1)
	m.Tables = [][]byte{{0x70, 0, 0}}
	return m.Hook("eom", Forever([]byte{0xd0, 0x70}, Const(I32, 1), []byte{0xfc, 0x0f, 0, 0x1a})).Encode()
}

func tabled(elements uint32) []byte {
	m := Plugin(1).Hook("eom", Const(I32, 0))
	m.Tables = [][]byte{append([]byte{0x70, 0}, U32(elements)...)}
	return m.Encode()
}

func withData(at int64, data []byte) []byte {
	m := Plugin(32).Hook("eom", Const(I32, 0))
	m.Data = [][]byte{slices.Concat([]byte{0}, Const(I32, at), []byte{0x0b}, U32(uint32(len(data))), data)}
	return m.Encode()
}

func exporting(n int) []byte {
	m := Plugin(1).Hook("eom", Const(I32, 0))
	for i := range n {
		m.Exports = append(m.Exports, slices.Concat(Name(strings.Repeat("x", 1+i%50)+string(rune('a'+i/50%26))+string(rune(0x4e00+i/50))), []byte{kindFunction, 0}))
	}
	return m.Encode()
}

func nested(n int) []byte {
	return Plugin(1).Hook("eom", bytes.Repeat([]byte{2, 0x40}, n), bytes.Repeat([]byte{0x0b}, n), Const(I32, 0)).Encode()
}
