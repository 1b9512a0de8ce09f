package builtin

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/plugins/builtin/authverify"
	"github.com/mtad/mtad/plugins/builtin/canonical"
	"github.com/mtad/mtad/plugins/builtin/checks"
	"github.com/mtad/mtad/plugins/builtin/dkimsign"
	"github.com/mtad/mtad/plugins/builtin/masquerade"
	"github.com/mtad/mtad/plugins/builtin/milter"
	"github.com/mtad/mtad/plugins/builtin/subjecttag"
	"github.com/mtad/mtad/plugins/sdk"
)

// Builtin is one built-in plugin. It has New or Module.
type Builtin struct {
	Name string
	// New makes it from the configuration of its [[plugin]]. Its Init is called, if it has one.
	New func(config map[string]string) (sdk.Plugin, error)
	// Module makes one that needs more of a call than its transaction. log writes a line to
	// cleanup's log; it may be nil.
	Module func(name string, config map[string]string, log func(line string)) (sdk.Module, error)
	// Needs are the capabilities it has to be allowed.
	Needs []string
}

// All returns the built-ins, in alphabetical order.
func All() []Builtin {
	return []Builtin{
		{Name: "auth_verify", New: authverify.New, Needs: []string{sdk.CapEdit, sdk.CapDNS}},
		{Name: "canonical", Module: canonical.New},
		{Name: "checks", Module: checks.New, Needs: []string{sdk.CapEdit}},
		{Name: "dkim_sign", New: dkimsign.New, Needs: []string{sdk.CapEdit}},
		{Name: "masquerade", Module: masquerade.New},
		{Name: "milter", Module: newMilter, Needs: []string{sdk.CapEdit}},
		{Name: "subject_tag", New: subjecttag.New, Needs: []string{sdk.CapEdit}},
	}
}

func newMilter(name string, config map[string]string, _ func(string)) (sdk.Module, error) {
	return milter.New(name, config)
}

// Load makes the built-in kind a module called name.
func Load(name, kind string, config map[string]string) (sdk.Module, error) {
	return LoadLogged(name, kind, config, Logs{})
}

// Logs is where a built-in logs besides the hooks of a message; either may be nil.
type Logs struct {
	// Cleanup takes the lines that some write as cleanup(8) does.
	Cleanup func(line string)
	// Plugin takes what Init logs.
	Plugin func(level sdk.Level, text string)
}

// LoadLogged is Load with logs.
func LoadLogged(name, kind string, config map[string]string, log Logs) (sdk.Module, error) {
	var names []string
	for _, b := range All() {
		if b.Name == kind {
			m, err := b.load(name, config, log)
			if err != nil {
				return nil, fmt.Errorf("plugin %s: builtin %s: %w", name, kind, err)
			}
			return m, nil
		}
		names = append(names, b.Name)
	}
	return nil, fmt.Errorf("plugin %s: there is no builtin %q; there are: %s", name, kind, strings.Join(names, ", "))
}

func (b Builtin) load(name string, config map[string]string, log Logs) (sdk.Module, error) {
	if b.Module != nil {
		return b.Module(name, config, log.Cleanup)
	}
	p, err := b.New(config)
	if err != nil {
		return nil, err
	}
	if err := initialise(p, &initHost{config: config, needs: b.Needs, log: log.Plugin}); err != nil {
		return nil, err
	}
	return module{sdk.Manifest{Name: name, Kind: "builtin", Hooks: sdk.HooksOf(p), Needs: b.Needs}, p}, nil
}

// module is sdk.Module over a plugin value in this process.
type module struct {
	manifest sdk.Manifest
	plugin   sdk.Plugin
}

// Manifest says what the plugin is and wants.
func (m module) Manifest() sdk.Manifest { return m.manifest }

// Call runs one hook. The deadline of ctx is not enforced: a built-in is our own code.
func (m module) Call(_ context.Context, p sdk.Point, h sdk.Host) (a sdk.Action, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return sdk.Answer(h, sdk.Dispatch(m.plugin, p, sdk.Tx{Host: h})), nil
}

// Close has nothing to free.
func (module) Close(context.Context) error { return nil }
