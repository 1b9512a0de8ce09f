package bounce

import (
	"testing"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

func TestUnxtext(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "a+2Bb": "a+b", "a+3Db+20c": "a=b c", "+0D+0A": "\r\n", "a+": "a+", "a+2": "a+2",
		"a+2b": "a+2b", "a+GG": "a+GG", "++2B": "++",
	} {
		if got := unxtext(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestUnembed(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", `bj\x{F6}rn@\x{4F8B}.org`: "björn@例.org", `a\x{2B}b`: `a\x{2B}b`, `a\x{D800}`: `a\x{D800}`, `a\x{F6`: `a\x{F6`,
		`\x{\x{F6}`: `\x{ö`, `\x{110000}`: `\x{110000}`, `\x{}`: `\x{}`, `\x{A}\x{85}`: "\\x{A}\u0085",
	} {
		if got := unembed(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestEmbed(t *testing.T) {
	if got := embed(`bjö\rn+x=y@例.org`, true); got != `bj\x{F6}\x{5C}rn\x{2B}x\x{3D}y@\x{4F8B}.org` {
		t.Errorf("address: %s", got)
	}
	if got := embed(`bj\x{F6}rn+ö`, false); got != `bj\x{F6}rn+\x{F6}` {
		t.Errorf("ORCPT: %s", got)
	}
}

func TestFoldAtNeverBreaksACharacterNorLosesOne(t *testing.T) {
	long := ""
	for range 2000 {
		long += "é"
	}
	for _, text := range []string{long, "a " + long, "x" + long, "short", "a b"} {
		for rest := text; rest != ""; {
			n := foldAt(rest, 70)
			if n <= 0 || n > lineLimit || n < len(rest) && rest[n]&0xC0 == 0x80 {
				t.Fatalf("broken at %d of %d", n, len(rest))
			}
			rest = rest[n:]
		}
	}
}

func TestAServerIsQuotedOnce(t *testing.T) {
	const mx = "mx.example.net[2001:db8::1]"
	for _, c := range []struct {
		name               string
		r                  queue.Result
		reason, diagnostic string
		mta                string
	}{
		{"ours", queue.Result{Reply: status.Reply{Code: 550, Enhanced: "5.1.1", Text: `unknown user: "x"`}, Relay: "local"},
			`unknown user: "x"`, `X-mtad; unknown user: "x"`, ""},
		{"the bare reply of a server", queue.Result{Reply: status.Reply{Code: 550, Enhanced: "5.1.1", Text: "no\nsuch"}, Relay: mx + ":25", RemoteMTA: "mx.example.net"},
			"host " + mx + " said: 550 5.1.1 no such", "smtp; 550 5.1.1 no such", "mx.example.net"},
		{"a socket", queue.Result{Reply: status.Reply{Code: 550, Text: "no"}, Relay: "none", RemoteMTA: "mx"},
			"host mx said: 550 no", "smtp; 550 no", "mx"},
		{"a sentence of the agent", queue.Result{Reply: status.Reply{Code: 550, Text: "host " + mx + " said: 550-5.1.1 no 550 such (in reply to RCPT TO command)"}, RemoteMTA: "mx.example.net"},
			"host " + mx + " said: 550-5.1.1 no 550 such (in reply to RCPT TO command)", "smtp; 550-5.1.1 no 550 such", "mx.example.net"},
		{"another sentence", queue.Result{Reply: status.Reply{Code: 454, Text: "TLS is required, but host " + mx + " refused to start TLS: 454 no"}, RemoteMTA: "mx.example.net"},
			"TLS is required, but host " + mx + " refused to start TLS: 454 no", "smtp; 454 no", "mx.example.net"},
		{"a sentence from a record", queue.Result{Reply: status.Reply{Code: 451, Text: "host " + mx + " refused to talk to me: 421"}},
			"host " + mx + " refused to talk to me: 421", "smtp; 421", "mx.example.net"},
		{"a failure without a reply", queue.Result{Reply: status.Reply{Code: 451, Text: "lost connection with " + mx + " while receiving: 12 bytes"}},
			"lost connection with " + mx + " while receiving: 12 bytes", "X-mtad; lost connection with " + mx + " while receiving: 12 bytes", ""},
		{"a sentence that only looks like it", queue.Result{Reply: status.Reply{Code: 550, Text: "host of mine[x]: 550 no"}},
			"host of mine[x]: 550 no", "X-mtad; host of mine[x]: 550 no", ""},
		{"nothing", queue.Result{Reply: status.Reply{Code: 550}}, "5.0.0", "", ""},
	} {
		if got := reason(&c.r); got != c.reason {
			t.Errorf("%s: reason %q", c.name, got)
		}
		if got := diagnostic(&c.r); got != c.diagnostic {
			t.Errorf("%s: diagnostic %q", c.name, got)
		}
		if got := quoteOf(&c.r).mta; got != c.mta {
			t.Errorf("%s: server %q", c.name, got)
		}
	}
}
