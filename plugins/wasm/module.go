package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm/meter"
)

// MaxModule is the most bytes of a module that Load takes.
const MaxModule = 64 << 20

// DefaultMemory is the memory limit of a plugin that sets none.
const DefaultMemory = 16 << 20

const pageSize = 64 << 10

// Options say how a module is loaded.
type Options struct {
	// Name is the plugin's name in the configuration.
	Name string
	// Allow are the capabilities granted.
	Allow map[string]bool
	// Memory limits the guest's memory in bytes, rounded down to 64 KiB; 0 means DefaultMemory.
	Memory int64
	// Fuel limits what the guest computes in one call, in units of about one machine instruction;
	// 0 means no limit but time. Unlike time it is the same for the same work on every machine.
	Fuel int64
	// Keep leaves the memory as it is between calls (isolation = "none").
	Keep bool
	// Instances is the most instances at a time; 0 means GOMAXPROCS.
	Instances int
	// Cache keeps compiled code across loads; nil for none. The caller closes it, not before Closed
	// was called, once: when the module is closed and no call is under way, or when Load failed.
	Cache  wazero.CompilationCache
	Closed func()
	// Config is what the guest reads while it is initialised.
	Config map[string]string
	// Log gets what the guest logs outside of a hook; nil for nobody.
	Log func(level sdk.Level, text string)
}

// Module is a loaded plugin. Safe for concurrent use.
type Module struct {
	o        Options
	manifest sdk.Manifest
	rt       wazero.Runtime
	code     wazero.CompiledModule
	metered  *meter.Result
	image    snapshot
	reset    bool     // instances are reset after each call
	memories memories // of the instances
	pool     pool
	used     [sdk.NumPoints]usage
	born     time.Time // zero of the guests' monotonic clock
}

var _ sdk.Module = (*Module)(nil)

// Load makes a plugin of a module. Cancelling ctx stops a guest that does not end its
// initialisation.
func Load(ctx context.Context, wasm []byte, o Options) (*Module, error) {
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	m := &Module{o: o, born: time.Now(), reset: !o.Keep}
	if err := m.load(ctx, wasm); err != nil {
		m.free()
		return nil, fmt.Errorf("plugin %s: %w", o.Name, err)
	}
	return m, nil
}

func (m *Module) load(ctx context.Context, wasm []byte) error {
	if len(wasm) > MaxModule {
		return fmt.Errorf("%d bytes, at most %d", len(wasm), MaxModule)
	}
	info, err := meter.Inspect(wasm)
	if err != nil {
		return err
	}
	if m.manifest, err = manifestOf(m.o.Name, info); err != nil {
		return err
	}
	if err := m.allowed(info); err != nil {
		return err
	}
	pages := uint32(m.o.Memory / pageSize)
	m.metered, err = meter.Rewrite(wasm, meter.Options{MaxMemoryPages: pages, MaxStack: stack, ExportGlobals: true, InitialFuel: fuel})
	if err != nil {
		return err
	}
	if err := m.compile(ctx); err != nil {
		return err
	}
	return m.warm(ctx)
}

// allowed refuses a module that asks for more than its configuration grants, naming what it asks for.
func (m *Module) allowed(info *meter.Info) error {
	var missing, functions []string
	for _, c := range m.manifest.Needs {
		if m.o.Allow[c] {
			continue
		}
		missing = append(missing, fmt.Sprintf("%q", c))
		for _, im := range info.Imports {
			if im.Module == "mtad1_"+c {
				functions = append(functions, im.Module+"."+im.Name)
			}
		}
	}
	if missing != nil {
		list := strings.Join(missing, ", ")
		return fmt.Errorf("it imports %s: that is %s, which its configuration does not grant: add allow = [%s] if you trust it",
			strings.Join(functions, ", "), list, list)
	}
	return nil
}

// compile makes the runtime with the host's functions and compiles the metered module.
func (m *Module) compile(ctx context.Context) (err error) {
	cfg := wazero.NewRuntimeConfig().WithDebugInfoEnabled(true).WithMemoryLimitPages(uint32(max(m.o.Memory/pageSize, 1)))
	if m.o.Cache != nil {
		cfg = cfg.WithCompilationCache(m.o.Cache)
	}
	m.rt = wazero.NewRuntimeWithConfig(ctx, cfg)
	if err = provide(ctx, m.rt, m.metered); err != nil {
		return err
	}
	if m.code, err = m.rt.CompileModule(ctx, m.metered.Wasm); err != nil {
		return err
	}
	m.pool.init(m.instances())
	return nil
}

func (m *Module) instances() int {
	if m.o.Instances > 0 {
		return m.o.Instances
	}
	return runtime.GOMAXPROCS(0)
}

// warm initialises the first instance and takes the snapshot.
func (m *Module) warm(ctx context.Context) error {
	in, err := m.instantiate(ctx, true)
	if err != nil {
		return err
	}
	hooks, err := m.initialise(ctx, in)
	if err != nil {
		in.mod.Close(ctx)
		return err
	}
	m.manifest.Hooks &= hooks
	if m.metered.HiddenState {
		// Tables and dropped segments cannot be restored: every call takes a new instance.
		return in.mod.Close(ctx)
	}
	m.image = in.snapshot()
	m.pool.add(in)
	return nil
}

// instantiate makes an instance; start runs _initialize.
func (m *Module) instantiate(ctx context.Context, start bool) (*instance, error) {
	in := &instance{m: m, host: &initHost{m: m}, deadline: time.Now().Add(initTime)}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	in.ctx = callContext{Context: ctx, in: in}
	mod, err := m.rt.InstantiateModule(experimental.WithMemoryAllocator(&in.ctx, &m.memories), m.code, cfg)
	if err != nil {
		return nil, err
	}
	in.mod, in.mem = mod, mod.Memory()
	in.fuel = mod.ExportedGlobal(m.metered.FuelGlobal).(api.MutableGlobal)
	in.stack = mod.ExportedGlobal(m.metered.StackGlobal).(api.MutableGlobal)
	for _, g := range m.metered.Globals {
		in.globals = append(in.globals, mod.ExportedGlobal(g.Name).(api.MutableGlobal))
	}
	if start && mod.ExportedFunction("_initialize") != nil {
		if _, err := in.run(mod.ExportedFunction("_initialize"), ctx, limitOf(ctx), &initHost{m: m}); err != nil {
			mod.Close(ctx)
			return nil, fmt.Errorf("_initialize: %w", err)
		}
	}
	return in, nil
}

// initialise runs mtad_init and mtad_hooks and returns the hooks that are wanted.
func (m *Module) initialise(ctx context.Context, in *instance) (sdk.Points, error) {
	h := &initHost{m: m}
	if fn := in.mod.ExportedFunction("mtad_init"); fn != nil {
		code, err := in.run(fn, ctx, limitOf(ctx), h)
		if err != nil {
			return 0, fmt.Errorf("mtad_init: %w", err)
		}
		if int32(code) != 0 {
			return 0, fmt.Errorf("it refuses to load: %s", h.refusal())
		}
	}
	hooks := m.manifest.Hooks
	if fn := in.mod.ExportedFunction("mtad_hooks"); fn != nil {
		mask, err := in.run(fn, ctx, limitOf(ctx), h)
		if err != nil {
			return 0, fmt.Errorf("mtad_hooks: %w", err)
		}
		hooks = sdk.Points(mask)
	}
	return hooks, nil
}

// Manifest says what the module is and wants.
func (m *Module) Manifest() sdk.Manifest { return m.manifest }

// Call runs one hook. The error is a *Failure. The time until the deadline of ctx is the guest's limit; it
// begins when there is an instance, for which the call waits as package slots says.
func (m *Module) Call(ctx context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	if !m.manifest.Hooks.Has(p) {
		return sdk.ActContinue, nil
	}
	limit := limitOf(ctx)
	in, err := m.pool.get(ctx)
	if err != nil {
		return 0, &Failure{Cause: err}
	}
	if in == nil {
		if in, err = m.fresh(from(ctx, limit)); err != nil {
			m.pool.lost()
			return 0, &Failure{Cause: err}
		}
	}
	in.budget = m.o.Fuel
	v, err := in.run(in.hook(p), ctx, limit, h)
	m.used[p].note(in)
	if errors.Is(err, ErrTime) {
		m.pool.slots.Hung()
	}
	if err != nil || !m.recycle(in) {
		m.drop(in)
	} else {
		m.pool.put(in)
	}
	return sdk.Action(int32(v)), err
}

// slowToFree is the memory from which an instance is given up beside the call that used it: the kernel
// takes a millisecond and more for 16 MiB, for which a sender would wait behind the limit.
const slowToFree = 1 << 20

// drop closes an instance. Its slot is taken until that is done, and Close waits for it.
func (m *Module) drop(in *instance) {
	gone := func() {
		in.mod.Close(context.Background())
		m.pool.lost()
	}
	if in.mem == nil || in.mem.Size() < slowToFree {
		gone()
		return
	}
	go gone()
}

// fresh makes an instance in the state of the snapshot. A guest that has to be initialised for it does
// so in the time of the call.
func (m *Module) fresh(ctx context.Context) (*instance, error) {
	in, err := m.instantiate(ctx, m.metered.HiddenState)
	if err != nil {
		return nil, err
	}
	if m.metered.HiddenState {
		if _, err := m.initialise(ctx, in); err != nil {
			in.mod.Close(context.Background())
			return nil, err
		}
		return in, nil
	}
	if !in.restore(&m.image) {
		in.mod.Close(context.Background())
		return nil, errors.New("its memory cannot be set to the snapshot")
	}
	return in, nil
}

// recycle makes an instance ready for the next call, and reports whether it can be used again.
func (m *Module) recycle(in *instance) bool {
	switch {
	case m.metered.HiddenState && m.reset:
		return false
	case m.reset:
		return in.restore(&m.image)
	}
	return true
}

// Close waits for calls under way, as long as ctx lasts, and frees the module; if they last longer,
// the last of them does.
func (m *Module) Close(ctx context.Context) error {
	if err := m.pool.close(ctx, m.free); err != nil {
		return fmt.Errorf("plugin %s: calls are still under way: %w", m.o.Name, err)
	}
	return nil
}

// free closes the runtime, and the compiled module: a cache that is shared keeps what is not closed.
func (m *Module) free() {
	ctx := context.Background()
	if m.rt != nil {
		m.rt.Close(ctx)
	}
	m.memories.close()
	if m.code != nil {
		m.code.Close(ctx)
	}
	if m.o.Closed != nil {
		m.o.Closed()
	}
}
