package builtin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
)

// greeter is a built-in that wants to be initialised.
type greeter struct {
	init func(tx sdk.Tx) error
}

func (g *greeter) Init(tx sdk.Tx) error { return g.init(tx) }

func (g *greeter) Connect(sdk.Tx) sdk.Verdict { return sdk.Continue }

func (g *greeter) builtin() Builtin {
	return Builtin{Name: "greeter", New: func(map[string]string) (sdk.Plugin, error) { return g, nil }, Needs: []string{sdk.CapEdit}}
}

// Init of a built-in was never called, though it is of a plugin of the other two kinds: the same
// source behaved differently when it was linked in.
func TestInitOfABuiltInIsCalledWhenItIsLoaded(t *testing.T) {
	var seen, logged []string
	g := &greeter{init: func(tx sdk.Tx) error {
		seen = append(seen, tx.Config("greeting", "none"), tx.Config("other", "default"))
		for _, f := range []string{"abi1", sdk.CapEdit, sdk.CapKV} {
			if tx.Host.Feature(f) {
				seen = append(seen, f)
			}
		}
		if e := tx.Host.HdrAdd("X", "y", 0); e != sdk.ErrStage || tx.Host.HdrCount() != 0 || tx.Sender() != "" {
			t.Errorf("init sees a message: %v", e)
		}
		if _, e := tx.Host.KVGet("k"); e != sdk.ErrDenied || tx.Host.Now(0) == 0 {
			t.Errorf("init has a store: %v", e)
		}
		tx.Log(sdk.LevelInfo, "hello")
		return nil
	}}
	m, err := g.builtin().load("a name", map[string]string{"greeting": "hi"}, Logs{Plugin: func(_ sdk.Level, text string) { logged = append(logged, text) }})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	if want := []string{"hi", "default", "abi1", sdk.CapEdit}; !slices.Equal(seen, want) {
		t.Errorf("init saw %q, not %q", seen, want)
	}
	if !slices.Equal(logged, []string{"hello"}) {
		t.Errorf("it logged %q", logged)
	}
	if mf := m.Manifest(); mf.Name != "a name" || !mf.Hooks.Has(sdk.PointConnect) {
		t.Errorf("the manifest is %+v", mf)
	}
}

func TestABuiltInThatInitRefusesIsNotLoaded(t *testing.T) {
	for name, c := range map[string]struct {
		init func(sdk.Tx) error
		want string
	}{
		"an error refuses": {func(sdk.Tx) error { return errors.New("set greeting") }, "set greeting"},
		"a panic refuses":  {func(sdk.Tx) error { panic("oh") }, "panic: oh"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (&greeter{init: c.init}).builtin().load("p", nil, Logs{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
