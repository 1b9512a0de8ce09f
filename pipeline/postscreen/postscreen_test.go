package postscreen_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/postscreen"
)

// patience bounds what a test waits for.
const patience = 60 * time.Second

// memory is a cache.
type memory struct {
	mu sync.Mutex
	m  map[string]string
}

func (c *memory) Get(client string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[client]
	return v, ok
}

func (c *memory) Set(client, value string, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[client] = value
}

// world is a screened server that greets with "220 in" and ends.
type world struct {
	t    *testing.T
	l    *postscreen.Listener
	mu   sync.Mutex
	log  bytes.Buffer
	done chan struct{}
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func newWorld(t *testing.T, change func(*postscreen.Options)) *world {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, done: make(chan struct{})}
	log := maillog.New(maillog.Options{Writer: w})
	o := postscreen.Options{Hostname: "mx.test", Banner: "mx.test ESMTP", DenyAction: postscreen.Drop, GreetAction: postscreen.Enforce, DNSBLAction: postscreen.Enforce,
		GreetWait: 10 * time.Millisecond, GreetTTL: time.Hour, DNSBLTTL: time.Hour, DNSBLTimeout: patience, Threshold: 1, Clients: 10, Deadline: patience,
		Cache: &memory{m: map[string]string{}}, Log: log.Service("postscreen")}
	change(&o)
	w.l = postscreen.Listen(inner, o)
	go func() {
		defer close(w.done)
		for {
			c, err := w.l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 in\r\n")
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		if err := w.l.Close(); err != nil {
			t.Error(err)
		}
		<-w.done
		log.Flush()
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

// say connects, says what is given line by line, reading an answer before each but the first if it is
// early, and returns all that was answered until the end.
func (w *world) say(early bool, lines ...string) string {
	w.t.Helper()
	c, err := net.Dial("tcp", w.l.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	r := bufio.NewReader(c)
	var got strings.Builder
	reply := func() bool {
		for {
			line, err := r.ReadString('\n')
			got.WriteString(strings.TrimRight(line, "\r\n") + "\n")
			if err != nil {
				return false
			}
			if len(line) > 3 && line[3] == ' ' {
				return true
			}
		}
	}
	for i, line := range lines {
		if (i > 0 || !early) && !reply() {
			return got.String()
		}
		if _, err := io.WriteString(c, line+"\r\n"); err != nil {
			break
		}
	}
	for reply() {
	}
	return strings.TrimRight(got.String(), "\n")
}

func (w *world) logged(want string) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		has := strings.Contains(w.log.String(), want)
		w.mu.Unlock()
		if has {
			return
		}
	}
	w.t.Errorf("the log never said %q", want)
}

func listed(points map[string]int, on ...string) func(*postscreen.Options) {
	return func(o *postscreen.Options) {
		for domain, weight := range points {
			o.Sites = append(o.Sites, postscreen.Site{Domain: domain, Weight: weight, Has: func(_ context.Context, a netip.Addr) (bool, error) {
				for _, d := range on {
					if d == domain {
						return a == netip.MustParseAddr("127.0.0.1"), nil
					}
				}
				if domain == "broken.test" {
					return false, errors.New("no answer")
				}
				return false, nil
			}})
		}
	}
}

func TestAClientThatWaitsPassesAndIsRemembered(t *testing.T) {
	w := newWorld(t, func(*postscreen.Options) {})
	if got := w.say(false); got != "220-mx.test ESMTP\n220 in" {
		t.Errorf("at first: %q", got)
	}
	w.logged("PASS NEW [127.0.0.1]:")
	if got := w.say(false); got != "220 in" {
		t.Errorf("then: %q", got)
	}
	w.logged("PASS OLD [127.0.0.1]:")
}

func TestWhoSpeaksTooEarly(t *testing.T) {
	session := []string{"EHLO bot", "MAIL FROM:<a@bot.test>", "RCPT TO:<b@us.test>", "QUIT"}
	for _, c := range []struct {
		action postscreen.Action
		want   []string
	}{
		{postscreen.Ignore, []string{"220-mx.test ESMTP", "220 in"}},
		{postscreen.Drop, []string{"220-mx.test ESMTP", "521 5.5.1 Protocol error"}},
		{postscreen.Enforce, []string{"220 mx.test ESMTP", "250 2.1.0 Ok", "550 5.5.1 Protocol error", "221 2.0.0 Bye"}},
	} {
		t.Run(string(c.action), func(t *testing.T) {
			w := newWorld(t, func(o *postscreen.Options) { o.GreetAction, o.GreetWait = c.action, patience })
			got := w.say(true, session...)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			w.logged("PREGREET 10 after ")
			if c.action == postscreen.Enforce {
				w.logged("550 5.5.1 Protocol error; from=<a@bot.test>, to=<b@us.test>, proto=ESMTP, helo=<bot>")
			}
		})
	}
}

func TestListsInTheDNS(t *testing.T) {
	sites := map[string]int{"bad.test": 2, "worse.test": 3, "good.test": -4, "broken.test": 9}
	for _, c := range []struct {
		name      string
		on        []string
		threshold int
		want      string
	}{
		{"one is not enough", []string{"bad.test"}, 3, "220 in"},
		{"two are", []string{"bad.test", "worse.test"}, 3, "521 5.7.1 Service unavailable; client [127.0.0.1] blocked using worse.test"},
		{"a good name outweighs them", []string{"bad.test", "worse.test", "good.test"}, 3, "220 in"},
		{"none", nil, 1, "220 in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *postscreen.Options) {
				listed(sites, c.on...)(o)
				o.DNSBLAction, o.Threshold = postscreen.Drop, c.threshold
			})
			if got := w.say(false); !strings.HasSuffix(got, c.want) {
				t.Errorf("%q", got)
			}
			w.logged("lookup error for 127.0.0.1 at broken.test: no answer")
		})
	}
}

func TestAGoodNameMaySpeakEarly(t *testing.T) {
	w := newWorld(t, func(o *postscreen.Options) {
		listed(map[string]int{"good.test": -4}, "good.test")(o)
		o.GreetAction, o.GreetWait, o.AllowThreshold = postscreen.Drop, patience, -3
	})
	if got := w.say(true, "EHLO friend"); !strings.Contains(got, "220 in") {
		t.Errorf("%q", got)
	}
}

func TestTheAccessList(t *testing.T) {
	for d, want := range map[postscreen.Decision]string{postscreen.Permit: "220 in", postscreen.Reject: "521 5.3.2 Service currently unavailable", postscreen.Dunno: "220-mx.test ESMTP\n220 in"} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			w := newWorld(t, func(o *postscreen.Options) {
				o.Access = func(context.Context, netip.Addr) (postscreen.Decision, error) { return d, nil }
			})
			if got := w.say(false); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestAnAccessListThatFailsDecidesNothing(t *testing.T) {
	w := newWorld(t, func(o *postscreen.Options) {
		o.Access = func(context.Context, netip.Addr) (postscreen.Decision, error) {
			return postscreen.Reject, errors.New("down")
		}
	})
	if got := w.say(false); got != "220-mx.test ESMTP\n220 in" {
		t.Errorf("%q", got)
	}
	w.logged("warning: postscreen_access_list: down")
}

func TestClientsUnderTestMayGoOnWhenTheInnerListenerCloses(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := postscreen.Listen(inner, postscreen.Options{Banner: "b", GreetWait: 300 * time.Millisecond, GreetAction: postscreen.Ignore, Threshold: 1, Clients: 3,
		Log: maillog.New(maillog.Options{Writer: io.Discard}).Service("postscreen")})
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := inner.Close(); err != nil {
		t.Fatal(err)
	}
	passed, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer passed.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the last: %v", err)
	}
}

func TestClientsUnderTestAreBoundedAndEndWithTheListener(t *testing.T) {
	w := newWorld(t, func(o *postscreen.Options) { o.GreetWait, o.Clients = patience, 1 })
	c, err := net.Dial("tcp", w.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "220-mx.test ESMTP\r\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	if got := w.say(false); got != "421 4.3.2 All server ports are busy" {
		t.Errorf("the second: %q", got)
	}
	if err := w.l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}
