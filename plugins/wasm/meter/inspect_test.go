package meter

import (
	"reflect"
	"strings"
	"testing"
)

func TestInspectTellsWhatAModuleOffersAndAsksFor(t *testing.T) {
	info, err := Inspect(everyIndex().assemble())
	if err != nil {
		t.Fatal(err)
	}
	unary := Signature{[]ValueType{I32}, []ValueType{I32}}
	wantImports := []Import{
		{"env", "twice", Function, unary},
		{"env", "base", Global, Signature{}},
		{"env", "note", Function, Signature{}},
	}
	if !reflect.DeepEqual(info.Imports, wantImports) {
		t.Errorf("imports %v, want %v", info.Imports, wantImports)
	}
	var names []string
	for _, x := range info.Exports {
		names = append(names, x.Name+" "+x.Kind.String()+" "+x.Signature.String())
	}
	want := "count global () -> ()|square func (i32) -> (i32)|negate func (i32) -> (i32)|apply func (i32 i32) -> (i32)|" +
		"apply1 func (i32 i32) -> (i32)|refs func (i32) -> (i32)|data func (i32) -> (i32)|size func (i32) -> (i32)"
	if got := strings.Join(names, "|"); got != want {
		t.Errorf("exports %s\nwant    %s", got, want)
	}
	if info.Memory == nil || *info.Memory != (Limits{1, 2, true}) {
		t.Errorf("memory %v, want 1 to 2", info.Memory)
	}
	if want := []Limits{{8, 0, false}, {2, 9, true}}; !reflect.DeepEqual(info.Tables, want) {
		t.Errorf("tables %v, want %v", info.Tables, want)
	}
	if !info.Start || info.FindExport("size") != &info.Exports[7] || info.FindExport("main") != nil {
		t.Errorf("start %t, size %v", info.Start, info.FindExport("size"))
	}
}

func TestInspectReadsMeteredModulesToo(t *testing.T) {
	info, err := Inspect(rewrite(t, everyIndex().assemble()).Wasm)
	if err != nil {
		t.Fatal(err)
	}
	last := info.Imports[len(info.Imports)-1]
	if last.Module != DefaultYieldModule || last.Name != DefaultYieldName || last.Signature.String() != "() -> ()" {
		t.Errorf("last import is %v", last)
	}
	if x := info.FindExport(DefaultFuelGlobal); x == nil || x.Kind != Global {
		t.Errorf("fuel is exported as %v", x)
	}
}

func TestInspectDoesNotJudgeSizes(t *testing.T) {
	info, err := Inspect(section(sectionMemory, 1, 0, 0x80, 0x80, 4))
	if err != nil || info.Memory.Min != 65536 || info.Memory.Bounded {
		t.Errorf("a memory of 4 GiB: %v, %v", info, err)
	}
}

func TestMemoryAndTablesAreCapped(t *testing.T) {
	for _, c := range []struct {
		name string
		have Limits
		want Limits
	}{
		{"no maximum", Limits{1, 0, false}, Limits{1, 10, true}},
		{"too high", Limits{1, 11, true}, Limits{1, 10, true}},
		{"lower than the cap", Limits{1, 5, true}, Limits{1, 5, true}},
		{"all of it", Limits{10, 10, true}, Limits{10, 10, true}},
	} {
		p := &program{}
		p.memories = [][]byte{c.have.append(nil)}
		p.tables = [][]byte{c.have.append([]byte{byte(FuncRef)})}
		p.fn("grow", p.sig(valTypes(I32), valTypes(I32)), nil, get(0), op(opMemoryGrow, 0))
		res, err := Rewrite(p.assemble(), Options{MaxMemoryPages: 10, MaxTableElements: 10})
		if err != nil {
			t.Fatal(err)
		}
		if *res.Memory != c.want || res.Tables[0] != c.want {
			t.Errorf("%s: memory %v, table %v, want %v", c.name, *res.Memory, res.Tables[0], c.want)
		}
		h := newHost(t, 1<<40)
		m := h.start(t, res.Wasm)
		up := uint64(c.want.Max - c.want.Min)
		if got, _, _ := h.run(t, m, "grow", up+1); uint32(got[0]) != 0xffffffff {
			t.Errorf("%s: memory grows beyond %d pages", c.name, c.want.Max)
		}
		if got, _, _ := h.run(t, m, "grow", up); uint32(got[0]) != c.want.Min {
			t.Errorf("%s: memory does not grow to %d pages", c.name, c.want.Max)
		}
	}
}

func TestGlobalsAreExportedForReset(t *testing.T) {
	res, err := Rewrite(read(t, "state.wasm"), Options{ExportGlobals: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Globals) != 1 || res.Globals[0].Name != GlobalPrefix+"0" || res.Globals[0].Type != I32 {
		t.Fatalf("globals %v, want the stack pointer", res.Globals)
	}
	h := newHost(t, 1<<40)
	m := h.start(t, res.Wasm)
	if got, want := m.ExportedGlobal(GlobalPrefix+"0").Get(), m.ExportedGlobal("__stack_pointer").Get(); got != want || got == 0 {
		t.Errorf("exported stack pointer is %d, want %d", got, want)
	}

	p := everyIndex()
	res, err = Rewrite(p.assemble(), Options{ExportGlobals: true, FuelGlobal: "fuel", YieldModule: "host", YieldName: "wait"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range res.Globals {
		names = append(names, g.Name+" "+g.Type.String())
	}
	if got := strings.Join(names, ","); got != GlobalPrefix+"1 i32,"+GlobalPrefix+"3 i64" {
		t.Errorf("globals %s, want the two that are mutable and the module's own", got)
	}
	info, err := Inspect(res.Wasm)
	if err != nil || info.FindExport("fuel") == nil || info.Imports[3].Module != "host" || info.Imports[3].Name != "wait" {
		t.Errorf("names asked for are not used: %v, %v", info, err)
	}
}

func TestHiddenStateIsReported(t *testing.T) {
	for name, want := range map[string]bool{"kernels.wasm": false, "state.wasm": false} {
		if got := rewrite(t, read(t, name)).HiddenState; got != want {
			t.Errorf("%s: hidden state %t, want %t", name, got, want)
		}
	}
	table := func(code ...[]byte) []byte {
		return built(func(p *program) {
			p.tables = [][]byte{{byte(FuncRef), 0, 4}}
			p.memory(1, 0)
			p.dataCount = true
			p.fn("", p.sig(nil, nil), nil, code...)
			p.elems = [][]byte{{1, 0, 0}}
			p.datas = [][]byte{{1, 0}}
		})
	}
	null, three := op(opRefNull, byte(FuncRef)), seq(i32c(0), i32c(0), i32c(0))
	for name, c := range map[string]struct {
		code []byte
		want bool
	}{
		"table.get":   {seq(i32c(0), op(opTableGet, 0, opDrop)), false},
		"table.size":  {op(opMisc, miscTableSize, 0, opDrop), false},
		"memory.init": {seq(three, op(opMisc, miscMemoryInit, 0, 0)), false},
		"table.set":   {seq(i32c(0), null, op(opTableSet, 0)), true},
		"table.fill":  {seq(i32c(0), null, i32c(0), op(opMisc, miscTableFill, 0)), true},
		"table.copy":  {seq(three, op(opMisc, miscTableCopy, 0, 0)), true},
		"table.init":  {seq(three, op(opMisc, miscTableInit, 0, 0)), true},
		"table.grow":  {seq(null, i32c(0), op(opMisc, miscTableGrow, 0, opDrop)), true},
		"elem.drop":   {op(opMisc, miscElemDrop, 0), true},
		"data.drop":   {op(opMisc, miscDataDrop, 0), true},
	} {
		wasm := table(c.code)
		newHost(t, 1).start(t, wasm)
		if got := rewrite(t, wasm).HiddenState; got != c.want {
			t.Errorf("%s: hidden state %t, want %t", name, got, c.want)
		}
	}
}

func TestRewriteLeavesItsInputAlone(t *testing.T) {
	wasm := everyIndex().assemble()
	before := string(wasm)
	one := rewrite(t, wasm)
	two := rewrite(t, wasm)
	if string(wasm) != before || string(one.Wasm) != string(two.Wasm) {
		t.Error("input or outcome differ the second time")
	}
}
