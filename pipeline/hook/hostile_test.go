package hook

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/tetratelabs/wazero"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook/kv"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm"
	"github.com/mtad/mtad/plugins/wasm/wasmtest"
)

// zoo is the hostile set, loaded, each guest with every capability and service there is.
type zoo struct {
	guests  []wasmtest.Guest
	plugins []Plugin
	o       Options
}

// newZoo loads the guests of the hostile set that load; the others are checked to be refused.
func newZoo(t *testing.T) *zoo {
	t.Helper()
	store, err := kv.Open(kv.Options{Dir: "kv", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	z := &zoo{o: Options{MaxBody: 16 << 20}}
	cache := wazero.NewCompilationCache()
	t.Cleanup(func() { cache.Close(context.Background()) })
	for _, g := range wasmtest.Hostile() {
		ctx, cancel := context.WithTimeout(context.Background(), initTime(g))
		m, err := wasm.Load(ctx, g.Wasm, wasm.Options{Name: "guest", Config: g.Config, Allow: granted(), Memory: 16 << 20, Cache: cache})
		cancel()
		if g.Refused != "" {
			if err == nil || !strings.Contains(err.Error(), g.Refused) {
				t.Errorf("%s: loading it says %v, want %q", g.Name, err, g.Refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
			continue
		}
		t.Cleanup(func() { m.Close(context.Background()) })
		p := Plugin{Module: m, Allow: granted(), OnError: FailContinue, Config: g.Config, Maps: map[string]Table{"m": list{"a": "b"}}}
		if p.KV, err = store.Space(fmt.Sprint("guest", len(z.plugins))); err != nil {
			t.Fatal(err)
		}
		z.guests, z.plugins = append(z.guests, g), append(z.plugins, p)
	}
	return z
}

// initTime is how long a guest may take to load: those that never end need not have long.
func initTime(g wasmtest.Guest) time.Duration {
	if strings.Contains(g.Refused, "time limit") {
		return 50 * time.Millisecond
	}
	return time.Minute
}

func granted() map[string]bool {
	all := map[string]bool{}
	for _, c := range wasmtest.Capabilities() {
		all[c] = true
	}
	return all
}

// letter is the message that the guests meet.
const letter = "Subject: hello\r\nX-Old: 1\r\n\r\nbody\r\n"

// meet leads a message past plugin i and returns what became of it. Every set is a new one: no breaker
// may keep the guest from being called.
func (z *zoo) meet(i int, limit time.Duration, called *error) (*Message, *status.Error) {
	o := z.o
	o.Called = func(_ string, _ sdk.Point, _ time.Duration, _ sdk.Action, err error) {
		if err != nil {
			*called = err
		}
	}
	origin := mail.Origin{Kind: mail.KindSMTP}
	p := z.plugins[i]
	p.Time = limit
	p.Hooks = p.Hooks.With(sdk.PointEOM)
	m := NewSet([]Plugin{p}, o).Session(&origin).Begin(&mail.Envelope{ID: "Q1", Sender: "a@b.example",
		Recipients: []mail.Recipient{{Address: "r1@x.example"}}})
	n, _ := mail.Split([]byte(letter))
	e := m.EOM(context.Background(), Text{Header: mail.ParseHeader([]byte(letter[:n])), Rest: mail.Bytes(letter[n:]), BodyOff: 2,
		Fork: func() NewText { return &text{} }})
	return m, e
}

func TestEveryGuestOfTheHostileSetMeetsItsEnd(t *testing.T) {
	z := newZoo(t)
	for i, g := range z.guests {
		limit := 20 * time.Millisecond
		if g.Fails == "" {
			limit = time.Minute
		}
		var failed error
		m, e := z.meet(i, limit, &failed)
		said := ""
		if failed != nil {
			said = failed.Error()
		}
		if !slices.ContainsFunc(strings.Split(g.Fails, "|"), func(s string) bool { return (s == "") == (said == "") && strings.Contains(said, s) }) {
			t.Errorf("%s: its call says %q, want %q", g.Name, said, g.Fails)
		}
		intact(t, g.Name, m, e)
		m.discardText()
	}
}

// intact checks that nothing the guest said became more than it is: one field, one line, one address.
func intact(t *testing.T, name string, m *Message, e *status.Error) {
	t.Helper()
	if e != nil && strings.ContainsAny(e.Reply.Text+e.Reply.Enhanced, "\r\n\x00") {
		t.Errorf("%s: the reply %q has a line end", name, e.Reply)
	}
	for i := range m.Header().Len() {
		if f := m.Header().Field(i); strings.HasPrefix(string(f.RawName()), "X-Injected") {
			t.Errorf("%s: a field was injected: %q", name, f.Raw())
		}
	}
	if head := string(m.Header().Bytes()); strings.Contains(head, "\r\n\r\n") || strings.Contains(strings.ReplaceAll(head, "\r\n", ""), "\n") {
		t.Errorf("%s: the header ends early: %q", name, head)
	}
	for _, s := range append([]string{m.env.Sender, m.Decision.Reason, m.Decision.Redirect, m.Decision.Filter}, addresses(m.env)...) {
		if strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("%s: %q has a line end", name, s)
		}
	}
}

func addresses(env *mail.Envelope) (list []string) {
	for _, r := range env.Recipients {
		list = append(list, r.Address, r.Original)
	}
	return list
}

// rounds is 10,000 with MTAD_LONG=1: the promise that nothing leaks and nothing breaks.
func rounds(short, long int) int {
	if os.Getenv("MTAD_LONG") == "1" {
		return long
	}
	return short
}

// What leaks, leaks in each stage, all guests being in each; what a stage happens to have a little more of is gone in another.
func TestTheHostileSetLeaksNothing(t *testing.T) {
	z := newZoo(t)
	var failed error
	const stages = 6
	perStage := rounds(1, 10_000/(stages*len(z.guests))+1) * len(z.guests)
	var was []usage
	for range stages {
		for i := range perStage {
			g := i % len(z.guests)
			m, e := z.meet(g, 5*time.Millisecond, &failed)
			intact(t, z.guests[g].Name, m, e)
			m.discardText()
		}
		was = append(was, used(t))
	}
	t.Logf("after each %d rounds: %v", perStage, was)
	for _, c := range []struct {
		what  string
		slack float64 // more in each stage than this is a leak
		of    func(usage) float64
	}{
		{"goroutines", 0, func(u usage) float64 { return float64(u.goroutines) }},
		{"files", 0, func(u usage) float64 { return float64(u.files) }},
		{"bytes of heap", 2 << 20, func(u usage) float64 { return float64(u.heap) }},
		{"bytes resident", 8 << 20, func(u usage) float64 { return float64(u.resident) }},
	} {
		least := math.Inf(1)
		for i := 1; i < stages; i++ { // the first stage has to do with what starting took
			least = min(least, c.of(was[i])-c.of(was[i-1]))
		}
		if least > c.slack {
			t.Errorf("%v more %s at least in each of %d stages: %v", least, c.what, stages-1, was)
		}
	}
}

// usage is what the process has: goroutines, open files, live heap and resident memory in bytes.
type usage struct {
	goroutines, files int
	heap, resident    uint64
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %.1f MiB of heap, %.1f MiB resident", u.goroutines, u.files, float64(u.heap)/(1<<20), float64(u.resident)/(1<<20))
}

func used(t *testing.T) (u usage) {
	t.Helper()
	for range 3 { // finalizers free what the collection before found
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.goroutines, u.heap = runtime.NumGoroutine(), m.HeapAlloc
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.files = len(list)
	}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, pages uint64
		fmt.Sscan(string(b), &size, &pages)
		u.resident = pages * uint64(os.Getpagesize())
	}
	return u
}

// Every function of the ABI and of WASI is called with every kind of bad pointer and number in every
// place, and with random mixtures of them. None traps.
func TestNoImportTrapsWhateverItIsGiven(t *testing.T) {
	const pages = 2
	const size = pages << 16
	odd := []int64{0, 1, -1, 16, size, size - 1, size - 7, size + 1, 0x7fffffff, -0x80000000, -16, 0x10000, 1 << 30}
	rnd := rand.New(rand.NewPCG(1, 2))
	store, err := kv.Open(kv.Options{Dir: "kv", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for i, im := range wasm.Imports() {
		m := wasmtest.Plugin(pages)
		params, result, _ := strings.Cut(im.Types, ">")
		f := m.Import(im.Module, im.Name, letters(params), letters(result))
		var code []byte
		add := func(args []int64) {
			for k, a := range args {
				code = append(code, wasmtest.Const(letters(params)[k], a)...)
			}
			if code = append(code, wasmtest.Call(f)...); result != "" {
				code = append(code, drop)
			}
		}
		for _, args := range combinations(len(params), odd, rnd) {
			add(args)
		}
		mod, err := wasm.Load(context.Background(), m.Hook("eom", code, wasmtest.Const(wasmtest.I32, 0)).Encode(),
			wasm.Options{Name: "guest", Allow: granted(), Memory: pages << 16})
		if err != nil {
			t.Fatalf("%s.%s: %v", im.Module, im.Name, err)
		}
		p := Plugin{Module: mod, Allow: granted(), Maps: map[string]Table{"": list{}}}
		if p.KV, err = store.Space(fmt.Sprint("p", i)); err != nil {
			t.Fatal(err)
		}
		z := &zoo{plugins: []Plugin{p}, o: Options{MaxBody: 1 << 20}}
		var failed error
		msg, e := z.meet(0, time.Minute, &failed)
		if failed != nil && !harmless(im.Name, failed) {
			t.Errorf("%s.%s: %v", im.Module, im.Name, failed)
		}
		intact(t, im.Name, msg, e)
		msg.discardText()
		mod.Close(context.Background())
	}
}

// harmless are the failures that are what the function is for.
func harmless(name string, err error) bool {
	return name == "proc_exit" && strings.Contains(err.Error(), "ended itself") ||
		name == "body_begin" && strings.Contains(err.Error(), "body_begin without body_end")
}

const drop = 0x1a

func letters(types string) []byte {
	return []byte(strings.NewReplacer("i", string([]byte{wasmtest.I32}), "l", string([]byte{wasmtest.I64})).Replace(types))
}

// combinations returns lists of n numbers: each odd one in every place, alone and with small good
// numbers around it, and random mixtures.
func combinations(n int, odd []int64, rnd *rand.Rand) (all [][]int64) {
	for _, v := range odd {
		all = append(all, slices.Repeat([]int64{v}, n))
		for k := range n {
			args := slices.Repeat([]int64{8}, n)
			args[k] = v
			all = append(all, args)
		}
	}
	for range 300 {
		args := make([]int64, n)
		for k := range args {
			args[k] = odd[rnd.IntN(len(odd))]
		}
		all = append(all, args)
	}
	return all
}
