package workbench

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/queue"
)

const modules = "../../../plugins/wasm/testdata/"

// open loads a plugin, with time for a busy machine.
func open(t *testing.T, what string, o Options) *Bench {
	t.Helper()
	if o.Time == 0 {
		o.Time = 30 * time.Second
	}
	b, err := Open(t.Context(), what, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

var client = netip.MustParseAddr("192.0.2.1")

// hooks are the names of the steps, with their verdicts.
func hooks(r *Result) string {
	var words []string
	for _, s := range r.Steps {
		words = append(words, s.Hook+" "+s.Verdict)
	}
	return strings.Join(words, ", ")
}

func TestAMessageMeetsTheHooksUntilItIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, what string
		o          Options
		msg        Message
		want       string
		code       int
		failed     bool
	}{
		{"a client that is refused at once", modules + "hostile.wasm", Options{Time: 5 * time.Millisecond}, Message{Client: client, To: []string{"b@c"}},
			"connect failure", 451, true},
		{"mail from sendmail has no connection", modules + "hostile.wasm", Options{Fuel: 1 << 20}, Message{To: []string{"b@c"}},
			"mail failure", 451, true},
		{"a word in the text", modules + "words.wasm", Options{Config: map[string]string{"words": "lottery"}},
			Message{Client: client, To: []string{"b@c"}, Text: []byte("Subject: x\n\na lottery\n")}, "rcpt continue, eom reject", 550, false},
		{"the same without it", modules + "words.wasm", Options{Config: map[string]string{"words": "lottery"}},
			Message{Client: client, To: []string{"b@c"}, Text: []byte("Subject: x\n\nnothing\n")}, "rcpt continue, eom continue", 0, false},
		{"all that is about queued mail", modules + "mailer.wasm", Options{Allow: []string{All}},
			Message{To: []string{"b@plugin.test"}, Text: []byte("Subject: x\n\nbody\n"), Keys: []string{"k"}},
			"body continue, eom continue, rewrite continue, route found, deliver continue, event continue, event continue, event continue, lookup continue", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, c.what, c.o).Pass(t.Context(), c.msg)
			code := 0
			if r.Refused != nil {
				code = r.Refused.Reply.Code
			}
			if got := hooks(r); got != c.want || code != c.code || r.Failed != c.failed {
				t.Errorf("%s; reply %d, failed %v\nwant %s; %d, %v", got, code, r.Failed, c.want, c.code, c.failed)
			}
		})
	}
}

// The bench is the daemon's host: a second message meets the store of the first.
func TestTheStoreLastsFromMessageToMessage(t *testing.T) {
	b := open(t, modules+"limiter.wasm", Options{Allow: []string{"kv"}})
	msg := Message{Client: client, From: "a@b.test", To: []string{"c@d.test"}, Text: []byte("Subject: x\n\n")}
	for i := range 11 {
		r := b.Pass(t.Context(), msg)
		if (r.Refused != nil) != (i == 10) {
			t.Fatalf("message %d: %v", i, r.Refused)
		}
		if len(r.Steps) != 1 || r.Steps[0].About != "<c@d.test>" {
			t.Fatalf("message %d has the steps %+v", i, r.Steps)
		}
	}
	if s := b.Stats(); s.Hooks[0].Calls != 11 || s.Hooks[0].Verdicts["tempfail"] != 1 || s.Hooks[0].Memory < 64<<10 || s.Hooks[0].Fuel == 0 {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsChangedIsInTheResult(t *testing.T) {
	b := open(t, "builtin:subject_tag", Options{Allow: []string{"edit"}, Config: map[string]string{"tag": "[X]"}})
	r := b.Pass(t.Context(), Message{To: []string{"c@d.test"}, Text: []byte("Subject: hello\n\nbody\n")})
	if string(r.Text) != "Subject: [X] hello\r\n\r\nbody\r\n" || r.Refused != nil {
		t.Errorf("%q %v", r.Text, r.Refused)
	}
	if d := r.Steps[0].Diff; d != "--- header\n+++ header\n@@ -1 +1 @@\n-Subject: hello\n+Subject: [X] hello\n" {
		t.Errorf("difference:\n%s", d)
	}
}

func TestATransportDeliversInNameOnly(t *testing.T) {
	b := open(t, modules+"mailer.wasm", Options{Allow: []string{"deliver"}})
	r := b.Pass(t.Context(), Message{To: []string{"nobody@plugin.test", "b@plugin.test"}, Text: []byte("Subject: x\n\n")})
	if len(r.Results) != 2 || r.Results[0].Outcome != queue.Bounced || r.Results[1].Outcome != queue.Sent {
		t.Errorf("%+v", r.Results)
	}
}

func TestWhatCannotBeLoadedIsSaid(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.wasm")
	if err := os.WriteFile(junk, []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		o    Options
		want string
	}{
		modules + "nosuch.wasm":  {Options{}, "no such file"},
		junk:                     {Options{}, "does not export mtad_abi_1"},
		modules + "limiter.wasm": {Options{}, `mtad1_kv.kv_incr: that is "kv"`},
		modules + "words.wasm":   {Options{Allow: []string{"root"}}, `no capability "root"`},
		"builtin:nosuch":         {Options{}, "no builtin"},
	} {
		if _, err := Open(t.Context(), what, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
}

func TestMeasuring(t *testing.T) {
	b := open(t, modules+"limiter.wasm", Options{Allow: []string{"kv"}, Quiet: true})
	m := b.Measure(t.Context(), Message{Client: client, To: []string{"c@d.test"}, Text: []byte("Subject: x\n\n")}, 5)
	if m.Messages != 5 || m.Took <= 0 || m.Plugin.Hooks[0].Calls != 5 || m.Plugin.Hooks[0].Fuel == 0 {
		t.Errorf("%+v", m)
	}
}

func TestInspectSaysWhatAModuleWants(t *testing.T) {
	in, err := Inspect(t.Context(), modules+"limiter.wasm", nil)
	if err != nil {
		t.Fatal(err)
	}
	if in.AllowLine() != `allow = ["kv"]` || strings.Join(in.Hooks, " ") != "rcpt" || in.Memory < 64<<10 || in.Instance < in.Memory ||
		in.Metered <= in.Size || !slices.Contains(in.Imports, "mtad1_kv.kv_incr") || in.Unloaded != "" || len(in.MadeBy) != 1 || !strings.Contains(in.MadeBy[0], "clang") {
		t.Errorf("%+v", in)
	}
	if in, err = Inspect(t.Context(), modules+"words.wasm", nil); err != nil || !strings.Contains(in.Unloaded, "set words") {
		t.Errorf("%+v %v", in, err)
	}
}

func TestTranscriptsTakeAPluginOfAnyKind(t *testing.T) {
	for what, text := range map[string]string{
		modules + "limiter.wasm": "allow kv\nload\n> hooks rcpt\n> needs kv\n",
		"builtin:subject_tag":    "allow edit\nconfig tag = [X]\nload\n> hooks headers\n> needs edit\nmail a@b\nrcpt c@d\nmessage\n| Subject: y\n|\nheaders\n> -header 0 Subject: y\n> +header 0 Subject: [X] y\n",
	} {
		sc, err := sdktest.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := sdktest.Play(t.Context(), Subject(what, Options{}), sc, sdktest.Options{}).Err(what); err != nil {
			t.Error(err)
		}
	}
}
