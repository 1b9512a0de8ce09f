package ctl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
)

// daemon is a Backend that notes what it is asked and answers with what the test put in.
type daemon struct {
	entries []*queue.Entry
	records []*queue.Record
	listErr error
	err     error // of everything else
	tracer  *trace.Recorder

	mu    sync.Mutex
	asked []string
}

func (d *daemon) note(format string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, fmt.Sprintf(format, args...))
	return d.err
}

func (d *daemon) List(_ context.Context, fn func(*queue.Entry, *queue.Record) bool) error {
	for i := range d.entries {
		if !fn(d.entries[i], d.records[i]) {
			return nil
		}
	}
	return d.listErr
}
func (d *daemon) Flush(_ context.Context, match func(*queue.Entry, *queue.Record) bool) (int, error) {
	n := 0
	for i := range d.entries {
		if match == nil || match(d.entries[i], d.records[i]) {
			n++
		}
	}
	if match == nil {
		return 3, d.note("flush")
	}
	return n, d.note("flush some")
}
func (d *daemon) FlushSite(_ context.Context, s string) (int, error) {
	return 2, d.note("flush site %s", s)
}
func (d *daemon) FlushID(_ context.Context, id string) error { return d.note("flush id %s", id) }
func (d *daemon) Hold(_ context.Context, id string) error    { return d.note("hold %s", id) }
func (d *daemon) Release(_ context.Context, id string) error { return d.note("release %s", id) }
func (d *daemon) Delete(_ context.Context, id string) error  { return d.note("delete %s", id) }
func (d *daemon) Requeue(_ context.Context, id string) error { return d.note("requeue %s", id) }
func (d *daemon) Reload(context.Context) error               { return d.note("reload") }
func (d *daemon) Stop(context.Context) error                 { return d.note("stop") }
func (d *daemon) Upgrade(context.Context) error              { return d.note("upgrade") }
func (d *daemon) Status(context.Context) (ctl.Status, error) {
	return ctl.Status{Version: "1", PID: 42, Queue: map[string]int{"hold": 1}, Services: []ctl.Service{{Name: "smtp", Type: "inet"}}}, d.err
}
func (d *daemon) Submit(_ context.Context, env *mail.Envelope, text io.Reader) (string, error) {
	env.ID = "4F2A7C0"
	if d.err != nil {
		return "", d.err
	}
	b, err := io.ReadAll(text)
	if err != nil {
		return "", err
	}
	return env.ID, d.note("submit %s %s uid=%d %d bytes", env.Sender, env.Recipients[0].Address, env.Origin.UID, len(b))
}

// world is a daemon that answers on a socket, and a client.
type world struct {
	*daemon
	*ctl.Client
	path string
	logs *bytes.Buffer
	log  *maillog.Log
	stop func()
}

func start(t *testing.T, path string, d *daemon) *world {
	t.Helper()
	w := &world{daemon: d, path: path, logs: &bytes.Buffer{}}
	w.log = maillog.New(maillog.Options{Writer: w.logs})
	ln, err := ctl.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := ctl.New(ctl.Options{Log: w.log.Service("pickup")}, d)
	go func() { ended <- s.Serve(ctx, ln) }()
	w.Client = ctl.NewClient(path)
	w.stop = sync.OnceFunc(func() {
		w.Client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

func socket(t *testing.T) string { return filepath.Join(t.TempDir(), "mtad") }

func TestRequestsReachTheBackend(t *testing.T) {
	ctx := t.Context()
	tests := []struct {
		want string
		do   func(*ctl.Client) error
	}{
		{"flush", func(c *ctl.Client) error { return expect(c.Flush(ctx, new(ctl.Selector)))(3) }},
		{"flush site example.com", func(c *ctl.Client) error { return expect(c.FlushSite(ctx, "example.com"))(2) }},
		{"flush site a&id=b", func(c *ctl.Client) error { return expect(c.FlushSite(ctx, "a&id=b"))(2) }},
		{"flush id ABC", func(c *ctl.Client) error { return c.FlushID(ctx, "ABC") }},
		{"hold ABC", func(c *ctl.Client) error { return c.Hold(ctx, "ABC") }},
		{"release a/b", func(c *ctl.Client) error { return c.Release(ctx, "a/b") }},
		{"requeue ABC", func(c *ctl.Client) error { return c.Requeue(ctx, "ABC") }},
		{"delete ABC", func(c *ctl.Client) error { return c.Delete(ctx, "ABC") }},
		{"reload", func(c *ctl.Client) error { return c.Reload(ctx) }},
		{"stop", func(c *ctl.Client) error { return c.Stop(ctx) }},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			w := start(t, socket(t), &daemon{})
			if err := tt.do(w.Client); err != nil {
				t.Fatal(err)
			}
			if len(w.asked) != 1 || w.asked[0] != tt.want {
				t.Errorf("asked %q", w.asked)
			}
		})
	}
}

func expect(n int, err error) func(int) error {
	return func(want int) error {
		if err == nil && n != want {
			err = fmt.Errorf("got %d, want %d", n, want)
		}
		return err
	}
}

func TestErrorsComeBackWithReplyAndCause(t *testing.T) {
	w := start(t, socket(t), &daemon{err: status.New(452, "4.3.1", "No space").Because(errors.New("disk full"))})
	err := w.Client.Reload(t.Context())
	var e *status.Error
	if !errors.As(err, &e) || e.Reply.String() != "452 4.3.1 No space" || e.Cause == nil || e.Cause.Error() != "disk full" {
		t.Errorf("got %v", err)
	}
	w.err = queue.ErrNotFound
	if err := w.Client.Hold(t.Context(), "ABC"); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	w.err = errors.New("a bug")
	if err := w.Client.Stop(t.Context()); !errors.As(err, &e) || !e.Temporary() {
		t.Errorf("an unknown failure: %v", err)
	}
}

func TestStatus(t *testing.T) {
	w := start(t, socket(t), &daemon{})
	st, err := w.Client.Status(t.Context())
	if err != nil || st.PID != 42 || st.Queue["hold"] != 1 || st.Services[0].Name != "smtp" {
		t.Errorf("got %+v %v", st, err)
	}
}

func listed() *daemon {
	e := &queue.Entry{Size: 254, Envelope: mail.Envelope{ID: "CA0D798482C", Sender: "a@b.example", Arrived: time.Unix(1795401740, 5),
		Recipients: []mail.Recipient{{Address: "c@d.example", Original: "c@d.example"}, {Address: "done@x", Original: "done@x"},
			{Address: `"q"@f.example`, Original: "x@f.example"}}}}
	r := &queue.Record{State: queue.Deferred, Recipients: []queue.Progress{
		{Outcome: queue.Deferred4, Reply: status.Reply{Code: 450, Enhanced: "4.2.0", Text: "try \"later\""}}, {Outcome: queue.Sent}, {}}}
	held := &queue.Entry{Envelope: mail.Envelope{ID: "H", Recipients: []mail.Recipient{{Address: "\xff", Original: "\xff"}}}}
	return &daemon{entries: []*queue.Entry{e, held}, records: []*queue.Record{r, {State: queue.Hold, Reason: "why", Expire: true}}}
}

func TestListJSONIsPostqueuesForm(t *testing.T) {
	w := start(t, socket(t), listed())
	var b bytes.Buffer
	if err := w.ListJSON(t.Context(), new(ctl.Selector), &b); err != nil {
		t.Fatal(err)
	}
	want := `{"queue_name": "deferred", "queue_id": "CA0D798482C", "arrival_time": 1795401740, "message_size": 254, "forced_expire": false, "sender": "a@b.example", "recipients": [{"address": "c@d.example", "delay_reason": "try \"later\""}, {"address": "\"q\"@f.example", "orig_address": "x@f.example"}]}
{"queue_name": "hold", "queue_id": "H", "arrival_time": -62135596800, "message_size": 0, "forced_expire": true, "sender": "MAILER-DAEMON", "recipients": [{"address": "\ufffd", "delay_reason": "why"}]}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for line := range strings.Lines(b.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestListGivesItems(t *testing.T) {
	d := listed()
	w := start(t, socket(t), d)
	var got []ctl.Item
	if err := w.Client.List(t.Context(), new(ctl.Selector), func(it *ctl.Item) bool { got = append(got, *it); return true }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !reflect.DeepEqual(got[0], ctl.Describe(d.entries[0], d.records[0])) {
		t.Errorf("got %+v", got)
	}
	n := 0
	if err := w.Client.List(t.Context(), new(ctl.Selector), func(*ctl.Item) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("stopped after %d, %v", n, err)
	}
}

func TestAListThatFailsInTheMiddleIsNotTakenForAWholeOne(t *testing.T) {
	d := listed()
	d.listErr = status.New(451, "4.3.0", "Disk trouble")
	w := start(t, socket(t), d)
	var b bytes.Buffer
	if err := w.ListJSON(t.Context(), new(ctl.Selector), &b); err == nil || !strings.Contains(err.Error(), "Disk trouble") || b.Len() == 0 {
		t.Errorf("got %v after %d bytes", err, b.Len())
	}
	if err := w.Client.List(t.Context(), new(ctl.Selector), func(*ctl.Item) bool { return true }); err == nil {
		t.Error("List saw nothing")
	}
}

func envelope() *mail.Envelope {
	return &mail.Envelope{Sender: "me", Arrived: time.Unix(1, 0), Recipients: []mail.Recipient{{Address: "you@example.com"}}}
}

func TestSubmit(t *testing.T) {
	w := start(t, socket(t), &daemon{})
	text := strings.Repeat("0123456789abcde\n", 100_000)
	id, err := w.Client.Submit(t.Context(), envelope(), strings.NewReader(text), int64(len(text)))
	if err != nil || id != "4F2A7C0" {
		t.Fatalf("got %q %v", id, err)
	}
	if want := fmt.Sprintf("submit me you@example.com uid=%d %d bytes", os.Getuid(), len(text)); w.asked[0] != want {
		t.Errorf("asked %q, want %q", w.asked, want)
	}
	w.stop()
	w.log.Flush()
	if want := fmt.Sprintf("4F2A7C0: uid=%d from=<me>", os.Getuid()); !strings.Contains(w.logs.String(), want) {
		t.Errorf("log %q lacks %q", w.logs, want)
	}
}

func TestARefusedSubmissionHearsWhyHoweverLongItIs(t *testing.T) {
	w := start(t, socket(t), &daemon{err: status.New(552, "5.3.4", "Message too big")})
	size := int64(8 << 20)
	_, err := w.Client.Submit(t.Context(), envelope(), io.LimitReader(zeros{}, size), size)
	var e *status.Error
	if !errors.As(err, &e) || e.Reply.Code != 552 {
		t.Errorf("got %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestDamagedSubmissionsAreRefused(t *testing.T) {
	w := start(t, socket(t), &daemon{})
	hc := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", w.path)
	}}}
	defer hc.CloseIdleConnections()
	for _, body := range []string{"", "rubbish", "mtad-drop 1\narrived 1\nsize 5\nsender \"\"\nrecipient \"a\"\n\nabc"} {
		resp, err := hc.Post("http://mtad/v1/submit", "", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(b), `"code":554`) {
			t.Errorf("%q: %d %s %v", body, resp.StatusCode, b, err)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("queued: %q", w.asked)
	}
}

func TestUnknownRequests(t *testing.T) {
	w := start(t, socket(t), &daemon{})
	hc := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", w.path)
	}}}
	defer hc.CloseIdleConnections()
	resp, err := hc.Get("http://mtad/v2/queue")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestALongSocketPathWorks(t *testing.T) {
	dir := t.TempDir()
	for len(dir) < 250 {
		dir = filepath.Join(dir, strings.Repeat("d", 50))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "mtad")
	w := start(t, path, &daemon{})
	if _, err := w.Client.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v %v", info, err)
	}
	w.stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestListen(t *testing.T) {
	t.Run("a running daemon keeps its socket", func(t *testing.T) {
		w := start(t, socket(t), &daemon{})
		if _, err := ctl.Listen(w.path); !errors.Is(err, ctl.ErrRunning) {
			t.Errorf("got %v", err)
		}
		if _, err := w.Client.Status(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("the socket of a dead daemon is replaced", func(t *testing.T) {
		path := socket(t)
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		ln.Close()
		w := start(t, path, &daemon{})
		if _, err := w.Client.Status(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a file is not", func(t *testing.T) {
		path := socket(t)
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ctl.Listen(path); err == nil {
			t.Error("replaced")
		}
	})
}

func TestWithoutADaemonTheClientSaysSo(t *testing.T) {
	path := socket(t)
	c := ctl.NewClient(path)
	defer c.Close()
	if _, err := c.Flush(t.Context(), new(ctl.Selector)); !errors.Is(err, ctl.ErrDown) {
		t.Errorf("no socket: %v", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	if _, err := c.Submit(t.Context(), envelope(), strings.NewReader(""), 0); !errors.Is(err, ctl.ErrDown) {
		t.Errorf("a socket that nobody answers on: %v", err)
	}
}

func TestAdminPage(t *testing.T) {
	var sick error
	h := ctl.AdminHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") }),
		func(context.Context) error { return sick })
	get := func(method, path string) string {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
		return fmt.Sprintf("%d %s", rec.Code, strings.TrimSpace(rec.Body.String()))
	}
	if got := get("GET", "/metrics"); got != "200 metrics" {
		t.Errorf("got %s", got)
	}
	if got := get("GET", "/healthz"); got != "200 ok" {
		t.Errorf("got %s", got)
	}
	sick = errors.New("the queue disk is full")
	if got := get("GET", "/healthz"); got != "503 the queue disk is full" {
		t.Errorf("got %s", got)
	}
	if got := get("GET", "/v1/queue"); !strings.HasPrefix(got, "404") {
		t.Errorf("the queue shows on the admin page: %s", got)
	}
	if got := get("POST", "/metrics"); !strings.HasPrefix(got, "405") {
		t.Errorf("got %s", got)
	}
}

func TestServeAdminEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	h := ctl.AdminHandler(http.NotFoundHandler(), func(context.Context) error { return nil })
	go func() { ended <- ctl.ServeAdmin(ctx, ln, h, maillog.Discard().Service("master")) }()
	resp, err := http.Get("http://" + ln.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
