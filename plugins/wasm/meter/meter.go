package meter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Names used unless the options say otherwise.
const (
	DefaultFuelGlobal  = "mtad_meter.fuel"
	DefaultStackGlobal = "mtad_meter.stack"
	DefaultYieldModule = "mtad_meter"
	DefaultYieldName   = "yield"
	// GlobalPrefix begins the names under which Options.ExportGlobals exports; the global's index follows.
	GlobalPrefix = "mtad_meter.global."
)

// Sizes granted unless the options say otherwise.
const (
	DefaultMemoryPages   = 256     // 16 MiB
	DefaultTableElements = 1 << 17 // 1 MiB in the engine, for each of at most 16 tables
	DefaultStack         = 1 << 20 // bytes
)

// Options says how a module is metered. The zero value is good.
type Options struct {
	// FuelGlobal is the export name of the fuel, a mutable i64; DefaultFuelGlobal if empty.
	FuelGlobal string
	// StackGlobal is the export name of what is left of the stack, a mutable i32; DefaultStackGlobal if empty.
	StackGlobal string
	// YieldModule and YieldName are the import of the function () -> () that is called when the fuel is
	// used up; DefaultYieldModule and DefaultYieldName if empty.
	YieldModule, YieldName string
	// InitialFuel is what a new instance has, in units, before its host can reach FuelGlobal: while the start
	// function runs. With 0 the first charge there yields.
	InitialFuel int64
	// MaxStack is how many bytes of frames, as they are estimated, a guest may have on the engine's stack;
	// DefaultStack if 0, 64 KiB to 1 GiB.
	MaxStack uint32
	// MaxMemoryPages is how far the module's memory may grow, in pages of 64 KiB; DefaultMemoryPages if 0, at
	// most 65536. A module that starts with more is refused.
	MaxMemoryPages uint32
	// MaxTableElements is the same for each table, in elements; DefaultTableElements if 0, at most 10,000,000.
	MaxTableElements uint32
	// Exceptions accepts try_table, throw and throw_ref, which are refused otherwise. Not for guests that are not
	// trusted: for each try_table the engine copies the guest's whole stack and keeps it until the block is
	// left, time and memory that fuel does not cover (see RATIONALE.md).
	Exceptions bool
	// ExportGlobals exports the module's own mutable globals, so that a host can restore them.
	ExportGlobals bool
}

// settings is Options with everything filled in.
type settings struct {
	fuelGlobal, stackGlobal           string
	yieldModule, yieldName            string
	initialFuel                       int64
	memoryPages, tableElements, stack uint32
	exceptions, exportGlobals         bool
	inspect                           bool // only looking: judge neither sizes nor names
}

func (o Options) settings() (settings, error) {
	s := settings{
		fuelGlobal:    o.FuelGlobal,
		stackGlobal:   o.StackGlobal,
		stack:         o.MaxStack,
		yieldModule:   o.YieldModule,
		yieldName:     o.YieldName,
		initialFuel:   o.InitialFuel,
		memoryPages:   o.MaxMemoryPages,
		tableElements: o.MaxTableElements,
		exceptions:    o.Exceptions,
		exportGlobals: o.ExportGlobals,
	}
	setDefault(&s.fuelGlobal, DefaultFuelGlobal)
	setDefault(&s.stackGlobal, DefaultStackGlobal)
	setDefault(&s.stack, DefaultStack)
	setDefault(&s.yieldModule, DefaultYieldModule)
	setDefault(&s.yieldName, DefaultYieldName)
	setDefault(&s.memoryPages, DefaultMemoryPages)
	setDefault(&s.tableElements, DefaultTableElements)
	for _, name := range []string{s.fuelGlobal, s.stackGlobal, s.yieldModule, s.yieldName} {
		if !utf8.ValidString(name) {
			return s, fmt.Errorf("%w: %q is not UTF-8", ErrOptions, name)
		}
	}
	if s.stackGlobal == s.fuelGlobal {
		return s, fmt.Errorf("%w: %q for two globals", ErrOptions, s.fuelGlobal)
	}
	if s.stack < 64<<10 || s.stack > 1<<30 {
		return s, fmt.Errorf("%w: %d bytes of stack, 64 KiB to 1 GiB", ErrOptions, s.stack)
	}
	if s.memoryPages > wasmPages {
		return s, fmt.Errorf("%w: %d memory pages, at most %d", ErrOptions, s.memoryPages, wasmPages)
	}
	if s.tableElements > wasmTable {
		return s, fmt.Errorf("%w: %d table elements, at most %d", ErrOptions, s.tableElements, wasmTable)
	}
	return s, nil
}

// reserves reports whether a guest must not export that name: it would be exported twice.
func (s *settings) reserves(export string) bool {
	return !s.inspect && (export == s.fuelGlobal || export == s.stackGlobal || strings.HasPrefix(export, GlobalPrefix))
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Result is a metered module and what its host has to know of it.
type Result struct {
	Wasm []byte // the caller's to keep
	Info        // of the module as it was given, sizes as they are now

	FuelGlobal             string // export name of the fuel
	StackGlobal            string // export name of what is left of the stack
	YieldModule, YieldName string // import that the host has to provide

	// Globals are the module's own mutable globals as they are exported now; none unless asked for.
	Globals []GlobalExport
	// HiddenState reports that the code changes tables or drops segments. Such state outlives a call and
	// cannot be read or set from outside: to reset an instance takes a new one.
	HiddenState bool
}

// Rewrite meters a module. It keeps no reference to wasm and changes nothing in it. The memory it takes is bounded by
// a constant multiple of len(wasm), which the caller should limit. Safe for concurrent use.
//
// The result need not be valid: Rewrite checks what its own guarantees rest on and leaves the rest to the engine,
// which accepts the result if and only if it accepts the original.
func Rewrite(wasm []byte, o Options) (*Result, error) {
	opt, err := o.settings()
	if err != nil {
		return nil, err
	}
	m, err := split(wasm)
	if err != nil {
		return nil, err
	}
	m.opt = opt
	out, err := m.declare()
	if err != nil {
		return nil, err
	}
	if err := m.define(&out); err != nil {
		return nil, err
	}
	bin, err := m.assemble(&out, len(wasm))
	if err != nil {
		return nil, err
	}
	return &Result{
		Wasm: bin, Info: m.info(),
		FuelGlobal: opt.fuelGlobal, StackGlobal: opt.stackGlobal, YieldModule: opt.yieldModule, YieldName: opt.yieldName,
		Globals: m.globalExports(), HiddenState: m.hiddenState,
	}, nil
}

// define rewrites the sections that give the declared things their contents.
func (m *module) define(out *[sections][]byte) (err error) {
	for _, s := range []struct {
		id   byte
		read func(*editor)
	}{
		{sectionStart, m.startSection},
		{sectionElement, m.elementSection},
		{sectionDataCount, m.dataCountSection},
		{sectionCode, m.codeSection},
		{sectionData, m.dataSection},
	} {
		if out[s.id], err = m.edit(s.id, s.read); err != nil {
			return err
		}
	}
	return nil
}

// assemble writes the new module.
func (m *module) assemble(out *[sections][]byte, size int) ([]byte, error) {
	bin := make([]byte, 0, size+size/4+256)
	bin = append(bin, "\x00asm\x01\x00\x00\x00"...)
	for _, id := range sectionOrder {
		if out[id] != nil {
			bin = appendSized(append(bin, id), out[id])
		}
	}
	if m.names != nil {
		names, err := m.nameSection()
		if err != nil {
			return nil, err
		}
		bin = appendSized(append(bin, sectionCustom), names)
	}
	return bin, nil
}
