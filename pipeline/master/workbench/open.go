package workbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/hook/kv"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/wasm"
	"github.com/mtad/mtad/queue/store"
)

// All stands in Options.Allow for every capability that the plugin asks for.
const All = "all"

// Options say how a plugin is loaded, as [[plugin]] does.
type Options struct {
	// Config is [plugin.config]; "maps.NAME" names a table, as type:name.
	Config map[string]string
	// Allow are the capabilities granted.
	Allow []string
	// Time limits each call; 0 means the daemon's defaults. Memory and Fuel are a module's limits.
	Time         time.Duration
	Memory, Fuel int64
	// Log gets the lines of the mail log; nil: nobody.
	Log io.Writer
	// Quiet leaves traces out, for measuring.
	Quiet bool
}

// Bench is a plugin on the bench. One goroutine uses it.
type Bench struct {
	set    *hook.Set
	plugin hook.Plugin
	roster hook.Roster
	trace  *trace.Recorder
	log    *maillog.Log
	kv     *kv.Store
}

// Open loads the plugin that what names.
func Open(ctx context.Context, what string, o Options) (*Bench, error) {
	b := &Bench{trace: trace.New(trace.Options{}), log: maillog.Discard()}
	if o.Log != nil {
		b.log = maillog.New(maillog.Options{Writer: o.Log, Name: "postfix"})
	}
	if !o.Quiet {
		if err := b.trace.Start(trace.Rule{Until: time.Now().Add(trace.MaxFor)}); err != nil {
			return nil, err
		}
	}
	name := NameOf(what)
	allow, err := Granted(what, o.Allow)
	if err != nil {
		return nil, err
	}
	b.plugin = hook.Plugin{Allow: allow, Time: o.Time, Config: o.Config}
	load := sdktest.Load{Name: name, Config: o.Config, Allow: allow, Log: b.note(name)}
	if b.plugin.Module, err = Subject(what, o)(ctx, load); err != nil {
		return nil, err
	}
	if err = b.serve(name, o); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	s := b.log.Service("plugin")
	b.set = hook.NewSet([]hook.Plugin{b.plugin}, hook.Options{Log: s, SMTPLog: b.log.Service("smtpd"), CleanupLog: b.log.Service("cleanup"),
		Roster: &b.roster, Trace: b.trace})
	return b, nil
}

// serve gives the plugin its tables and its store.
func (b *Bench) serve(name string, o Options) (err error) {
	if b.plugin.Allow[sdk.CapMap] {
		b.plugin.Maps = map[string]hook.Table{}
		for key, spec := range o.Config {
			if m, ok := strings.CutPrefix(key, "maps."); ok {
				if b.plugin.Maps[m], err = table.Open(spec, table.Options{}); err != nil {
					return fmt.Errorf("maps: %s: %w", m, err)
				}
			}
		}
	}
	if b.plugin.Allow[sdk.CapKV] {
		if b.kv, err = kv.Open(kv.Options{Dir: "kv", FS: store.MemDisk()}); err == nil {
			b.plugin.KV, err = b.kv.Space(name)
		}
	}
	return err
}

// Close frees the plugin.
func (b *Bench) Close(ctx context.Context) error {
	var err error
	if b.plugin.Module != nil {
		err = b.plugin.Module.Close(ctx)
	}
	if b.kv != nil {
		err = errors.Join(err, b.kv.Close())
	}
	b.log.Flush()
	return err
}

// Manifest says what the plugin is and wants.
func (b *Bench) Manifest() sdk.Manifest { return b.plugin.Module.Manifest() }

// Stats is what the plugin did since it was opened.
func (b *Bench) Stats() hook.PluginStats { return b.roster.Stats()[0] }

func (b *Bench) note(name string) func(sdk.Level, string) {
	log := b.log.Service("plugin")
	return func(l sdk.Level, text string) {
		switch {
		case l >= sdk.LevelWarn:
			log.Warning("plugin " + name + ": " + text)
		case l == sdk.LevelInfo:
			log.Info("plugin " + name + ": " + text)
		}
	}
}

// NameOf is the name of a plugin in logs: that of its file, without what stands behind the last dot.
func NameOf(what string) string {
	kind, rest := kindOf(what)
	if kind == "process" {
		rest, _, _ = strings.Cut(rest, " ")
	}
	base := filepath.Base(rest)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

func kindOf(what string) (kind, rest string) {
	for _, kind := range []string{"builtin", "process"} {
		if rest, ok := strings.CutPrefix(what, kind+":"); ok {
			return kind, rest
		}
	}
	return "wasm", what
}

// Granted makes a set of the capabilities in a list; All stands for those that a module's imports ask
// for, and for every one with a plugin of another kind.
func Granted(what string, list []string) (map[string]bool, error) {
	set := map[string]bool{}
	known := []string{sdk.CapEdit, sdk.CapMap, sdk.CapKV, sdk.CapDNS, sdk.CapScan, sdk.CapDeliver}
	for _, c := range list {
		switch {
		case c == All:
			for _, c := range known {
				set[c] = true
			}
		case slices.Contains(known, c):
			set[c] = true
		default:
			return nil, fmt.Errorf("allow: there is no capability %q: there are %s", c, strings.Join(known, ", "))
		}
	}
	if kind, file := kindOf(what); kind == "wasm" && slices.Contains(list, All) {
		code, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		m, err := wasm.Inspect(NameOf(what), code)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for c := range set {
			set[c] = slices.Contains(m.Needs, c) || slices.Contains(list, c)
		}
	}
	return set, nil
}

// Subject is the plugin that what names, for transcripts (package sdktest). Of o the limits count.
func Subject(what string, o Options) sdktest.Subject {
	kind, rest := kindOf(what)
	return func(ctx context.Context, l sdktest.Load) (sdk.Module, error) {
		if kind == "builtin" {
			return builtin.LoadLogged(l.Name, rest, l.Config, builtin.Logs{Plugin: l.Log})
		}
		if kind == "process" {
			return loadProcess(ctx, strings.Fields(rest), l, o)
		}
		code, err := os.ReadFile(rest)
		if err != nil {
			return nil, err
		}
		return wasm.Load(ctx, code, wasm.Options{Name: l.Name, Allow: l.Allow, Memory: o.Memory, Fuel: o.Fuel, Config: l.Config, Log: l.Log})
	}
}
