package console_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/pipeline/console"
	"github.com/mtad/mtad/queue"
)

func TestStrangersSeeTheLoginAlone(t *testing.T) {
	w := filled(t)
	b := w.browser()
	for _, path := range []string{"", "queue", "plugins", "message/D01", "message/D01/text", "confirm?action=delete&all=1"} {
		a := b.get(path)
		if a.code != 303 || a.Get("Location") != "/console/login" || strings.Contains(a.text, "D01") {
			t.Errorf("%s: %d to %q", path, a.code, a.Get("Location"))
		}
	}
	for _, path := range []string{"act", "suspend", "resume", "logout"} {
		if a := b.do("POST", path, url.Values{"action": {"delete"}, "all": {"1"}, "before": {"1"}, "nexthop": {"a.test"}}); a.code != 303 || a.Get("Location") != "/console/login" {
			t.Errorf("POST %s: %d to %q", path, a.code, a.Get("Location"))
		}
	}
	wants(t, b.get("login"), 200, `type="password"`)
	wants(t, b.get("nothing"), 404, "no such page")
	wants(t, b.get("act"), 404)
	if w.did() != "" {
		t.Errorf("did %s", w.did())
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, c := range [][2]string{{"alice", "wrong"}, {"nobody", "nobody's password"}, {"", ""}, {"alice", strings.Repeat("x", 100)}} {
		a := b.tryLogin(c[0], c[1])
		wants(t, a, 401, "Name or password is wrong")
		if a.Get("Set-Cookie") != "" {
			t.Error("there is a cookie")
		}
	}
	if l := w.logged(); strings.Count(l, "login failed: user=") != 4 || !strings.Contains(l, `user="nobody" client=127.0.0.1`) {
		t.Errorf("logged\n%s", l)
	}
}

func TestTheSessionsCookieIsForThePagesAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	a := b.tryLogin("alice", "alice's password")
	c := a.Get("Set-Cookie")
	if !strings.HasPrefix(c, "mtad_console=") || !strings.Contains(c, "; Path=/console/; HttpOnly; SameSite=Strict") || strings.Contains(c, "Secure") {
		t.Errorf("cookie %s", c)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Frame-Options":         "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
	} {
		if got := b.get("").Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if a := b.get("style.css"); a.code != 200 || a.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style: %d %s", a.code, a.Get("Content-Type"))
	}
}

func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(*world, *browser){
		"by logging out":               func(_ *world, b *browser) { wants(b.w.t, b.post("logout", url.Values{}), 303) },
		"when nobody used them":        func(w *world, _ *browser) { w.later(31 * time.Minute) },
		"when the account is gone":     func(w *world, _ *browser) { w.accounts("eve:view") },
		"when its password is another": func(w *world, _ *browser) { w.accounts("alice:act") },
		"when its owner is logged in 10 more": func(w *world, _ *browser) {
			for range 10 {
				w.later(time.Second)
				w.as("alice")
			}
		},
		"after twelve hours, however busy": func(w *world, b *browser) {
			for range 30 {
				w.later(25 * time.Minute)
				b.get("")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.as("alice")
			wants(t, b.get(""), 200)
			end(w, b)
			if a := b.get(""); a.code != 303 {
				t.Errorf("status %d", a.code)
			}
		})
	}
}

func TestRightsAreThoseOfTheFileNow(t *testing.T) {
	w := filled(t)
	b := w.as("eve")
	form := url.Values{"action": {"delete"}, "id": {"D01"}}
	wants(t, b.post("act", form), 403, "may not")
	wants(t, b.get("confirm?action=delete&id=D01"), 403)
	wants(t, b.post("suspend", url.Values{"nexthop": {"a.test"}}), 403)
	wants(t, b.post("resume", url.Values{"nexthop": {"a.test"}}), 403)
	lacks(t, b.get("message/D01"), `name="action"`)
	lacks(t, b.get(""), `action="/console/suspend"`)
	if w.did() != "" {
		t.Errorf("did %s", w.did())
	}
	if !strings.Contains(w.logged(), "user=eve client=127.0.0.1 refused: POST /console/act") {
		t.Errorf("logged\n%s", w.logged())
	}
	text, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file, []byte(strings.Replace(string(text), "eve:view", "eve:act", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, b.post("act", form), 200)
	if w.did() != "delete D01" {
		t.Errorf("did %s", w.did())
	}
}

func TestForgedFormsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(*browser, url.Values)
		code int
	}{
		{"without a token", func(_ *browser, f url.Values) { f.Del("csrf") }, 403},
		{"with another token", func(_ *browser, f url.Values) { f.Set("csrf", strings.Repeat("A", 43)) }, 403},
		{"with the token of another login", func(b *browser, f url.Values) {
			f.Set("csrf", tokenField.FindStringSubmatch(b.w.as("alice").get("").text)[1])
		}, 403},
		{"from another site", func(b *browser, _ url.Values) { b.origin = "https://evil.test" }, 403},
		{"from another port", func(b *browser, _ url.Values) { b.origin = "http://127.0.0.1:1" }, 403},
		{"from nowhere", func(b *browser, _ url.Values) { b.origin = "null" }, 403},
		{"without an origin", func(b *browser, _ url.Values) { b.origin = "" }, 403},
		{"from another site by the browser's word", func(b *browser, _ url.Values) { b.site = "cross-site" }, 403},
		{"to another host", func(b *browser, _ url.Values) { b.host, b.origin = "rebound.test:8025", "http://rebound.test:8025" }, 421},
		{"of too many bytes", func(_ *browser, f url.Values) { f.Set("x", strings.Repeat("x", 70<<10)) }, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := filled(t)
			b := w.as("alice")
			form := url.Values{"action": {"delete"}, "id": {"D01"}, "csrf": {tokenField.FindStringSubmatch(b.get("").text)[1]}}
			c.bad(b, form)
			wants(t, b.do("POST", "act", form), c.code)
			if w.did() != "" {
				t.Errorf("did %s", w.did())
			}
		})
	}
}

func TestALoginFromAnotherSiteIsRefused(t *testing.T) {
	b := newWorld(t).browser()
	b.origin = "https://evil.test"
	wants(t, b.tryLogin("alice", "alice's password"), 403, "not sent by a page of the console")
}

func TestOnlyOwnHostsAndClientsAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.hosts = []string{"127.0.0.1", "console.test", "[::1]"}
	b := w.browser()
	for host, code := range map[string]int{"": 200, "console.test": 200, "CONSOLE.test:443": 200, "console.test.": 200, "[::1]:8025": 200,
		"rebound.test": 421, "rebound.test:8025": 421, "127.0.0.1.rebound.test": 421, "::1": 421} {
		b.host = host
		if a := b.get("login"); a.code != code {
			t.Errorf("%q: status %d, want %d", host, a.code, code)
		}
	}
	b.host = ""
	w.from = func(a netip.Addr) bool { return a != netip.MustParseAddr("127.0.0.1") }
	wants(t, b.get("login"), 403, "console_networks")
	w.from = func(netip.Addr) bool { return true }
	w.file = ""
	if a := b.get("login"); a.code != 404 || strings.Contains(a.text, "mtad") {
		t.Errorf("a closed console: %d %s", a.code, a.text)
	}
}

func TestWhoGuessesPasswordsWaits(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for i := range 5 {
		if a := b.tryLogin("alice", "wrong"); a.code != 401 {
			t.Fatalf("attempt %d: status %d", i, a.code)
		}
	}
	a := b.tryLogin("alice", "alice's password")
	wants(t, a, http.StatusTooManyRequests, "Too many attempts")
	if a.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	w.later(2 * time.Second)
	wants(t, b.tryLogin("alice", "wrong"), 401)
	w.later(time.Second)
	wants(t, b.tryLogin("alice", "alice's password"), 429)
	w.later(10 * time.Minute)
	wants(t, b.tryLogin("alice", "alice's password"), 303)
	wants(t, b.tryLogin("alice", "wrong"), 401)
}

func TestAPasswordFileThatIsNotFitLetsNobodyIn(t *testing.T) {
	good, err := console.Entry("alice", console.View, "a password of some length")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		code       int
	}{
		{"fit", "# accounts\n\n" + good + "\n", 0o640, 303},
		{"readable by strangers", good, 0o644, 503},
		{"writable by its group", good, 0o660, 503},
		{"with a line that is none", good + "\nbob\n", 0o600, 503},
		{"with a name twice", good + "\n" + good + "\n", 0o600, 503},
		{"with a right that is none", strings.Replace(good, ":view:", ":root:", 1), 0o600, 503},
		{"with read alone", strings.Replace(good, ":view:", ":read:", 1), 0o600, 503},
		{"with a password that is no hash", "alice:view:a password of some length\n", 0o600, 503},
		{"with a hash that takes for ever", strings.Replace(good, "$12$", "$31$", 1), 0o600, 503},
		{"too long", good + "\n" + strings.Repeat("#\n", 40000), 0o600, 503},
		{"with too many accounts", func() (s string) {
			for i := range 501 {
				s += strings.Replace(good, "alice", fmt.Sprintf("a%d", i), 1) + "\n"
			}
			return s
		}(), 0o600, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if err := os.WriteFile(w.file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(w.file, c.mode); err != nil {
				t.Fatal(err)
			}
			a := w.browser().tryLogin("alice", "a password of some length")
			if a.code != c.code {
				t.Errorf("status %d, want %d", a.code, c.code)
			}
			if lacks(t, a, w.file); a.code == 503 && !strings.Contains(w.logged(), "The password file cannot be used; the log says why: "+w.file) {
				t.Errorf("logged\n%s", w.logged())
			}
		})
	}
}

func TestEntriesThatAreRefused(t *testing.T) {
	for _, c := range [][2]string{{"", "a password of some length"}, {"a:b", "a password of some length"}, {"a b", "a password of some length"},
		{strings.Repeat("x", 65), "a password of some length"}, {"alice", "short"}, {"alice", strings.Repeat("x", 73)}} {
		if line, err := console.Entry(c[0], console.Act, c[1]); err == nil {
			t.Errorf("%q %q: %s", c[0], c[1], line)
		}
	}
}

func TestTheRateOfAMinuteIsForgottenAfterAnHour(t *testing.T) {
	w := newWorld(t)
	var none *console.Rates // counts nothing, and does not mind
	none.Accepted()
	none.Delivered(queue.Sent, 0, 0, 0, 0)
	w.rates.Accepted()
	wants(t, w.as("eve").get(""), 200, `</span>accepted</th><td class="num">1</td>`)
}
