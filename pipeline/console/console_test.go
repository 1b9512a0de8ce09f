package console_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/console"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
)

// daemon is a queue in memory that notes what it is told to do.
type daemon struct {
	mu      sync.Mutex
	entries []*queue.Entry
	records map[string]*queue.Record
	asked   []string
	paused  []ctl.Suspension
	tracer  *trace.Recorder
	texts   map[string]string
	err     error // of Status
}

func (d *daemon) note(format string, args ...any) {
	d.asked = append(d.asked, fmt.Sprintf(format, args...))
}

func (d *daemon) did() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.asked)
	return strings.Join(d.asked, ",")
}

func (d *daemon) List(_ context.Context, fn func(*queue.Entry, *queue.Record) bool) error {
	d.mu.Lock()
	all := slices.Clone(d.entries)
	d.mu.Unlock()
	for _, e := range all {
		d.mu.Lock()
		r := *d.records[e.ID]
		d.mu.Unlock()
		if !fn(e, &r) {
			return nil
		}
	}
	return nil
}

func (d *daemon) Find(_ context.Context, id string) (*queue.Entry, *queue.Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		if e.ID == id {
			r := *d.records[id]
			return e, &r, nil
		}
	}
	return nil, nil, queue.ErrNotFound
}

func (d *daemon) change(what, id string, to queue.State) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[id]
	if r == nil {
		return queue.ErrNotFound
	}
	if strings.HasPrefix(id, "FAIL") {
		return status.New(451, "4.3.0", "Disk trouble")
	}
	d.note("%s %s", what, id)
	if to == 0 {
		delete(d.records, id)
		d.entries = slices.DeleteFunc(slices.Clone(d.entries), func(e *queue.Entry) bool { return e.ID == id })
		return nil
	}
	r.State = to
	return nil
}

func (d *daemon) Hold(_ context.Context, id string) error { return d.change("hold", id, queue.Hold) }
func (d *daemon) Release(_ context.Context, id string) error {
	return d.change("release", id, queue.Deferred)
}
func (d *daemon) Delete(_ context.Context, id string) error { return d.change("delete", id, 0) }
func (d *daemon) Requeue(_ context.Context, id string) error {
	return d.change("requeue", id, queue.Incoming)
}
func (d *daemon) Expire(_ context.Context, id string) error {
	return d.change("expire", id, queue.Deferred)
}
func (d *daemon) FlushID(_ context.Context, id string) error {
	return d.change("flush", id, queue.Deferred)
}
func (d *daemon) Flush(ctx context.Context, match func(*queue.Entry, *queue.Record) bool) (n int, err error) {
	err = d.List(ctx, func(e *queue.Entry, r *queue.Record) bool {
		if match(e, r) {
			n++
		}
		return true
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note("flush %d", n)
	return n, err
}
func (d *daemon) Open(_ context.Context, id string) (mail.Content, error) {
	if t, ok := d.texts[id]; ok {
		return mail.Bytes(t), nil
	}
	return mail.Bytes("Subject: " + id + "\r\n\r\nthe secret body\r\n"), nil
}
func (d *daemon) Why(_ context.Context, id string) (ctl.Why, error) {
	return ctl.Why{Attempts: 3, Next: time.Now().Add(time.Hour), Expires: time.Now().Add(48 * time.Hour), Recipients: []ctl.WhyRecipient{
		{Address: "someone@live.test", Transport: "smtp", Nexthop: "mx.live.test", Site: &ctl.SiteState{DeadUntil: time.Now().Add(time.Minute), Reason: "it does not answer"}}}}, nil
}
func (d *daemon) Suspend(s ctl.Suspension) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused = append(d.paused, s)
	d.note("suspend %s (%s) %v", s.Nexthop, s.Reason, !s.Until.IsZero())
	return nil
}
func (d *daemon) Resume(_ context.Context, which ctl.Suspension) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.paused)
	d.paused = slices.DeleteFunc(d.paused, func(s ctl.Suspension) bool { return s.Nexthop == which.Nexthop && s.Service == which.Service })
	if len(d.paused) == n {
		return queue.ErrNotFound
	}
	d.note("resume %s", which.Nexthop)
	return nil
}
func (d *daemon) Suspensions() []ctl.Suspension { return slices.Clone(d.paused) }
func (d *daemon) Trace() *trace.Recorder        { return d.tracer }
func (d *daemon) Plugins() []hook.PluginStats {
	return []hook.PluginStats{{Name: "nospam", Kind: "wasm", Shadow: true, Hooks: []hook.HookStats{
		{Hook: "eom", Calls: 4711, Failures: 3, Skipped: 12, Time: 4711 * time.Millisecond, Longest: 2 * time.Second, Memory: 3 << 20, Verdicts: map[string]uint64{"reject": 815}}}}}
}
func (d *daemon) Status(context.Context) (ctl.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := ctl.Status{Version: "1.2.3", Started: time.Now().Add(-time.Hour), Queue: map[string]int{}}
	for _, r := range d.records {
		st.Queue[r.State.String()]++
	}
	return st, d.err
}

// add puts a message into the queue, to a recipient whose last reply is text.
func (d *daemon) add(id string, state queue.State, sender, rcpt, text string, age time.Duration) {
	e := &queue.Entry{Size: 4096, Envelope: mail.Envelope{ID: id, Sender: sender, Arrived: time.Now().Add(-age), Recipients: []mail.Recipient{{Address: rcpt, Original: rcpt}},
		Origin: mail.Origin{Kind: mail.KindSMTP, ClientName: "client.test", Client: netip.MustParseAddrPort("192.0.2.7:4711")}}}
	r := &queue.Record{State: state, Attempts: 3, Recipients: []queue.Progress{{Outcome: queue.Deferred4, Relay: "mx.test[192.0.2.1]:25",
		Reply: status.Reply{Code: 451, Enhanced: "4.3.0", Text: text}, At: time.Now()}}}
	d.entries = append(d.entries, e)
	d.records[id] = r
}

// world is a console with accounts alice (act), eve (view) and reader (act,read), whose passwords are their
// names with "'s password".
type world struct {
	*daemon
	t       *testing.T
	file    string
	journal *console.Journal
	rates   *console.Rates
	hosts   []string
	from    func(netip.Addr) bool
	mu      sync.Mutex
	skew    time.Duration
	logs    lockedBuffer
	log     *maillog.Log
	srv     *httptest.Server
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skew)
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skew += d
}

func (w *world) logged() string {
	w.log.Flush()
	return w.logs.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, daemon: &daemon{records: map[string]*queue.Record{}, tracer: trace.New(trace.Options{}), texts: map[string]string{}},
		file: filepath.Join(t.TempDir(), "accounts"), journal: console.NewJournal(), rates: console.NewRates(),
		hosts: []string{"127.0.0.1"}, from: func(netip.Addr) bool { return true }}
	w.accounts("alice:act", "eve:view", "reader:act,read")
	w.log = maillog.New(maillog.Options{Writer: &w.logs, Name: "postfix"})
	c := console.New(console.Options{Rates: w.rates, Journal: w.journal, Log: w.log.Service("console"), Clock: w.now, Settings: func() console.Settings {
		return console.Settings{PasswordFile: w.file, Hosts: w.hosts, Client: func(_ context.Context, a netip.Addr) (bool, error) { return w.from(a), nil }}
	}}, w.daemon)
	w.srv = httptest.NewServer(c)
	t.Cleanup(w.srv.Close)
	return w
}

// accounts writes the password file.
func (w *world) accounts(names ...string) {
	w.t.Helper()
	text := "# who may\n"
	for _, n := range names {
		name, _, _ := strings.Cut(n, ":")
		hash, err := bcrypt.GenerateFromPassword([]byte(name+"'s password"), bcrypt.MinCost)
		if err != nil {
			w.t.Fatal(err)
		}
		text += n + ":" + string(hash) + "\n"
	}
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// browser is somebody with cookies.
type browser struct {
	w *world
	http.Client
	// origin and host replace what a browser would send.
	origin, host string
	site         string // Sec-Fetch-Site
}

func (w *world) browser() *browser {
	jar, _ := cookiejar.New(nil)
	b := &browser{w: w, origin: w.srv.URL}
	b.Jar = jar
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

type answer struct {
	code int
	http.Header
	text string
}

func (b *browser) do(method, path string, form url.Values) answer {
	b.w.t.Helper()
	req, err := http.NewRequest(method, b.w.srv.URL+"/console/"+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if b.origin != "" {
			req.Header.Set("Origin", b.origin)
		}
	}
	if b.site != "" {
		req.Header.Set("Sec-Fetch-Site", b.site)
	}
	req.Host = cmp.Or(b.host, req.Host)
	resp, err := b.Do(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) get(path string) answer { b.w.t.Helper(); return b.do("GET", path, nil) }

func (b *browser) tryLogin(name, password string) answer {
	b.w.t.Helper()
	return b.do("POST", "login", url.Values{"name": {name}, "password": {password}})
}

// as logs in.
func (w *world) as(name string) *browser {
	w.t.Helper()
	b := w.browser()
	if a := b.tryLogin(name, name+"'s password"); a.code != http.StatusSeeOther || a.Get("Location") != "/console/" {
		w.t.Fatalf("login of %s: %d %s", name, a.code, a.text)
	}
	return b
}

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// post sends a form with the token of the page of the overview.
func (b *browser) post(path string, form url.Values) answer {
	b.w.t.Helper()
	m := tokenField.FindStringSubmatch(b.get("").text)
	if m == nil {
		b.w.t.Fatal("no token on the page")
	}
	form.Set("csrf", m[1])
	return b.do("POST", path, form)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// confirmed asks and then says yes, with the fields of the form that was shown.
func (b *browser) confirmed(query string) (question, done answer) {
	b.w.t.Helper()
	question = b.get("confirm?" + query)
	_, body, ok := strings.Cut(question.text, `action="/console/act"`)
	if !ok {
		b.w.t.Fatalf("%s: no form: %d %s", query, question.code, question.text)
	}
	body, _, _ = strings.Cut(body, "</form>")
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(body, -1) {
		form.Add(m[1], m[2])
	}
	return question, b.do("POST", "act", form)
}

func wants(t *testing.T, a answer, code int, texts ...string) {
	t.Helper()
	if a.code != code {
		t.Errorf("status %d, want %d", a.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(a.text, text) {
			t.Errorf("%q is missing in\n%s", text, a.text)
		}
	}
}

func lacks(t *testing.T, a answer, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.text, text) {
			t.Errorf("%q is in\n%s", text, a.text)
		}
	}
}

var errTrouble = errors.New("a cause nobody shall see")
