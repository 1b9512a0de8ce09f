package tomlcf

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/v2"

	"github.com/mtad/mtad/core/conf/maincf"
)

// result is what a Parser told.
type result struct {
	settings []maincf.Setting
	plugins  []Plugin
	problems []string
}

func parse(t testing.TB, data string) result {
	t.Helper()
	var r result
	p := Parser{File: "mtad.toml", Dir: "/etc/mtad",
		OnSetting: func(s maincf.Setting) { r.settings = append(r.settings, s) },
		OnPlugin:  func(p Plugin) { r.plugins = append(r.plugins, p) },
		OnProblem: func(p *Problem) { r.problems = append(r.problems, p.Error()) }}
	if _, err := p.Unmarshal([]byte(data)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSettings(t *testing.T) {
	got := parse(t, `# head
myhostname = "mail.example.com"
message_size_limit = 1_000

smtpd_helo_required = true
biff = false
mynetworks = ["127.0.0.0/8",
  "[::1]/128"]
smtpd_recipient_restrictions = ["check_client_access hash:/etc/x", "reject"]
"smtp-amavis_destination_recipient_limit" = 1
smtpd_banner = """
$myhostname
  ESMTP"""
relayhost = ''
`)
	want := []maincf.Setting{{Name: "myhostname", Value: "mail.example.com", Line: 2}, {Name: "message_size_limit", Value: "1000", Line: 3},
		{Name: "smtpd_helo_required", Value: "yes", Line: 5}, {Name: "biff", Value: "no", Line: 6},
		{Name: "mynetworks", Value: "127.0.0.0/8, [::1]/128", Line: 7},
		{Name: "smtpd_recipient_restrictions", Value: "check_client_access hash:/etc/x, reject", Line: 9},
		{Name: "smtp-amavis_destination_recipient_limit", Value: "1", Line: 10},
		{Name: "smtpd_banner", Value: "$myhostname   ESMTP", Line: 11}, {Name: "relayhost", Value: "", Line: 14}}
	if !reflect.DeepEqual(got.settings, want) || got.problems != nil {
		t.Fatalf("got  %v %v\nwant %v", got.settings, got.problems, want)
	}
}

func TestPlugins(t *testing.T) {
	got := parse(t, `
biff = true
[[plugin]]
name    = "nospam"
wasm    = "nospam.wasm"
hooks   = ["rcpt", "eom"]
allow   = ["edit", "kv"]
on_error = "reject"
time    = "50ms"
memory  = "16MiB"
fuel    = 50_000_000
mode    = "shadow"
isolation = "none"
sha256  = "`+strings.Repeat("aB", 32)+`"
[plugin.config]
words = "/etc/mtad/words"
limit = 5
ratio = 0.5
strict = true
list = ["a", "b c", 3]
[plugin.config.inner]
deep = "x\ny"

[[plugin]]
name = "scan"
process = ["scan/run", "-v"]

[[plugin]]
name = "dkim"
builtin = "dkim_sign"
memory = 1000
config = { domain = "example.com" }
`)
	want := []Plugin{
		{Name: "nospam", Wasm: "/etc/mtad/nospam.wasm", Hooks: []string{"rcpt", "eom"}, Allow: []string{"edit", "kv"}, OnError: "reject",
			Time: 50 * time.Millisecond, Memory: 16 << 20, Fuel: 50_000_000, Shadow: true, SharedState: true, SHA256: strings.Repeat("ab", 32),
			Config: map[string]string{"words": "/etc/mtad/words", "limit": "5", "ratio": "0.5", "strict": "true", "list": "a\nb c\n3", "inner.deep": "x\ny"},
			File:   "mtad.toml", Line: 3},
		{Name: "scan", Process: []string{"/etc/mtad/scan/run", "-v"}, OnError: "tempfail", File: "mtad.toml", Line: 24},
		{Name: "dkim", Builtin: "dkim_sign", OnError: "tempfail", Memory: 1000, Config: map[string]string{"domain": "example.com"}, File: "mtad.toml", Line: 28},
	}
	if got.problems != nil || !reflect.DeepEqual(got.plugins, want) {
		t.Fatalf("got  %+v %v\nwant %+v", got.plugins, got.problems, want)
	}
	for i, kind := range []string{"wasm", "process", "builtin"} {
		if k := got.plugins[i].Kind(); k != kind {
			t.Errorf("plugin %d is %s, want %s", i, k, kind)
		}
	}
}

func TestProblems(t *testing.T) {
	plugin := func(lines string) string { return "\n[[plugin]]\nname = \"p\"\nbuiltin = \"b\"\n" + lines + "\n" }
	tests := []struct {
		name, data string
		line       int
		want       string
	}{
		{"no TOML", "a = 1\nb = = 2\n", 2, "not TOML"},
		{"a key twice", "a = 1\na = 2\n", 1, "not TOML"},
		{"a level without quotes", "compatibility_level = 3.10", 1, "needs quotes"},
		{"a date", "\nx = 2020-01-01", 2, "needs quotes"},
		{"an array in an array", `x = [["a"]]`, 1, "a string, whole number or boolean expected"},
		{"an array of tables", "[[service]]\nname = \"x\"", 1, "a string, whole number or boolean expected"},
		{"a null character", `x = "\u0000"`, 1, "null character"},
		{"a name with a space", "\"a b\" = 1", 1, "not the name of a parameter"},
		{"another table", "a = 1\n[smtpd]\nb = 2\n", 2, "unknown table [smtpd]"},
		{"a dotted key", "\na.b = 2\n", 2, "unknown table [a]"},
		{"a plugin that is no table", "plugin = [1]", 1, "[[plugin]] expected"},
		{"one plugin table", "[plugin]\nname = \"x\"", 1, "unknown table [plugin]"},
		{"no name", "\n[[plugin]]\nbuiltin = \"x\"", 2, "no name"},
		{"a bad name", "[[plugin]]\nname = \"a b\"\nbuiltin = \"x\"", 2, "letters, digits"},
		{"no kind", "[[plugin]]\nname = \"p\"", 1, "exactly one of wasm, process and builtin"},
		{"two kinds", plugin(`wasm = "x.wasm"`), 2, "exactly one of"},
		{"a name twice", plugin("") + plugin(""), 7, "plugin p: defined on line 2 too"},
		{"an unknown hook", plugin(`hooks = ["mial"]`), 5, `"mial" is not one of connect`},
		{"hooks that are no array", plugin(`hooks = "mail"`), 5, "an array of strings expected"},
		{"an array with a number", plugin(`hooks = [1]`), 5, "an array of strings expected"},
		{"an unknown capability", plugin(`allow = ["root"]`), 5, `"root" is not one of edit`},
		{"a bad policy", plugin(`on_error = "ignore"`), 5, "one of tempfail, continue, reject expected"},
		{"a time without unit", plugin(`time = "50"`), 5, "a time such as"},
		{"a time of zero", plugin(`time = "0s"`), 5, "a time such as"},
		{"a time that is a number", plugin(`time = 50`), 5, "a time such as"},
		{"a bad size", plugin(`memory = "16MB"`), 5, "KiB, MiB or GiB"},
		{"no fuel", plugin(`fuel = 0`), 5, "above 0"},
		{"fuel for what is no module", "[[plugin]]\nname = \"p\"\nbuiltin = \"x\"\nfuel = 5", 4, "only a wasm module"},
		{"too much memory", plugin(`memory = "5GiB"`), 5, "out of range"},
		{"a size that is true", plugin(`memory = true`), 5, "a size such as"},
		{"a bad mode", plugin(`mode = "off"`), 5, "one of enforce, shadow"},
		{"a bad isolation", plugin(`isolation = 1`), 5, "one of message, none"},
		{"a short digest", plugin(`sha256 = "ab"`), 5, "64 hexadecimal digits"},
		{"a digest of a builtin", plugin(`sha256 = "` + strings.Repeat("ab", 32) + `"`), 5, "a builtin has none"},
		{"a misspelt key", plugin(`on_eror = "reject"`), 5, "is on_error meant?"},
		{"an unknown key", plugin(`colour = "red"`), 5, "one of name, wasm"},
		{"a parameter behind a plugin", plugin(`relayhost = "x"`), 5, "stands above the first [[plugin]]"},
		{"a config that is no table", plugin(`config = 1`), 5, "[plugin.config] expected"},
		{"a config with lines in an array", plugin(`config = { a = ["x\ny"] }`), 5, "single lines"},
		{"a config with tables in an array", plugin(`config = { a = [{ b = 1 }] }`), 5, "a: a string"},
		{"a config with a date", plugin(`config = { a = 2020-01-01 }`), 5, "a: "},
		{"a config key twice", plugin(`config = { "a.b" = 1, a = { b = 2 } }`), 5, "given twice"},
		{"an empty command", "[[plugin]]\nname = \"p\"\nprocess = []", 3, "a command expected"},
		{"a wasm that is empty", "[[plugin]]\nname = \"p\"\nwasm = \"\"", 3, "a string expected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parse(t, tt.data)
			if len(got.problems) == 0 {
				t.Fatalf("no problem, but %+v", got)
			}
			for _, p := range got.problems {
				if strings.HasPrefix(p, fmt.Sprintf("mtad.toml:%d: ", tt.line)) && strings.Contains(p, tt.want) {
					return
				}
			}
			t.Fatalf("got %q, want %q on line %d", got.problems, tt.want, tt.line)
		})
	}
}

func TestABadPluginLeavesTheRest(t *testing.T) {
	got := parse(t, "a = 1.5\nb = 1\n[[plugin]]\nname = \"x\"\n[[plugin]]\nname = \"y\"\nbuiltin = \"z\"\n")
	if len(got.settings) != 1 || len(got.plugins) != 1 || got.plugins[0].Name != "y" || len(got.problems) != 2 {
		t.Fatalf("got %+v", got)
	}
}

// provider gives koanf a text.
type provider string

func (p provider) ReadBytes() ([]byte, error)    { return []byte(p), nil }
func (p provider) Read() (map[string]any, error) { return nil, nil }

func TestParserIsALayerOfKoanf(t *testing.T) {
	k := koanf.New("\x00")
	if err := k.Load(provider("a = 1\n[[plugin]]\nname = \"x\"\nbuiltin = \"y\"\n"), Parser{}); err != nil {
		t.Fatal(err)
	}
	if got := k.All(); !reflect.DeepEqual(got, map[string]any{"a": "1"}) {
		t.Errorf("got %v", got)
	}
	if out, err := k.Marshal(Parser{}); err != nil || string(out) != "a = '1'\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if err := k.Load(provider("a = 1.5\n[b]\n"), Parser{File: "f"}); err == nil || !strings.Contains(err.Error(), "f:2: ") {
		t.Errorf("got %v", err)
	}
}

// kinds counts the kinds of a plugin.
func kinds(p Plugin) (n int) {
	for _, set := range []bool{p.Wasm != "", p.Builtin != "", p.Process != nil} {
		if set {
			n++
		}
	}
	return n
}

func FuzzPlugins(f *testing.F) {
	f.Add("a = 1\n[[plugin]]\nname = \"x\"\nwasm = \"y\"\nhooks = [\"mail\"]\n[plugin.config]\na = [1, \"b\"]\n")
	f.Add("[[plugin]]\nname = 1\nprocess = [1]\ntime = \"1s\"\nmemory = \"1MiB\"\n[plugin.config.b]\nc = 1.5")
	f.Add("plugin = [{name = \"x\", builtin = \"y\"}]\nb = [1, true]")
	f.Fuzz(func(t *testing.T, data string) {
		got := parse(t, data)
		for _, p := range got.plugins {
			if p.Name == "" || kinds(p) != 1 || p.Time < 0 || p.Memory < 0 || p.Line < 1 {
				t.Fatalf("%+v", p)
			}
		}
		for _, s := range got.settings {
			if s.Line < 1 || strings.ContainsAny(s.Value, "\n\x00") {
				t.Fatalf("%+v", s)
			}
		}
		for _, p := range got.problems {
			if strings.HasPrefix(p, "mtad.toml:0:") {
				t.Fatalf("no line: %s", p)
			}
		}
	})
}
