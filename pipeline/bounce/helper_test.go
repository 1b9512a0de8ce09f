package bounce_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/queue"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 3, 4, 12, 0, 5, 0, time.UTC)

// door is a queue that takes what is submitted, or answers with errors first.
type door struct {
	errs  []error // for the first submissions
	ctx   context.Context
	envs  []mail.Envelope
	texts []string
}

// Submit takes a message.
func (d *door) Submit(ctx context.Context, env *mail.Envelope, text io.Reader) (string, error) {
	b, err := io.ReadAll(text)
	if err != nil {
		return "", err
	}
	d.ctx = ctx
	if len(d.errs) > 0 {
		err := d.errs[0]
		if d.errs = d.errs[1:]; err != nil {
			return "", err
		}
	}
	d.envs, d.texts = append(d.envs, *env), append(d.texts, string(b))
	return "5B" + string(rune('0'+len(d.texts))), nil
}

// world is a notifier with all that is around it.
type world struct {
	*bounce.Notifier
	door  *door
	log   bytes.Buffer
	flush func()
}

func newWorld(t *testing.T, change func(*bounce.Options)) *world {
	t.Helper()
	w := &world{door: &door{}}
	log := maillog.New(maillog.Options{Writer: &w.log, Clock: func() time.Time { return now }})
	w.flush = log.Flush
	o := bounce.Options{
		Hostname: "mx.example.org", Origin: "example.org", SizeLimit: 50000, Submitter: w.door,
		Log: log.Service("bounce"), Clock: func() time.Time { return now }, Random: bytes.NewReader(make([]byte, 1<<10)),
	}
	if change != nil {
		change(&o)
	}
	n, err := bounce.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.Notifier = n
	return w
}

// logged returns what was logged, without time and tag.
func (w *world) logged() string {
	w.flush()
	var b strings.Builder
	for line := range strings.Lines(w.log.String()) {
		_, text, _ := strings.Cut(line, "]: ")
		b.WriteString(text)
	}
	return b.String()
}

func entry(sender string) *queue.Entry {
	return &queue.Entry{Envelope: mail.Envelope{
		ID: "4F1A2B", Sender: sender, Arrived: now.Add(-time.Hour), Origin: mail.Origin{Kind: mail.KindSMTP, Hops: 2},
	}}
}

func text(s string) bounce.Text {
	return func() (mail.Content, error) { return mail.Bytes(s), nil }
}

const plain = "Received: from x\r\nFrom: alice@example.com\r\nSubject: hello\r\nMessage-Id: <1@example.com>\r\n\r\nHello Bob,\r\n.\r\n--=_x\r\n"

func failedBy(code int, enhanced, text string) queue.Result {
	return queue.Result{Outcome: queue.Bounced, Reply: status.Reply{Code: code, Enhanced: enhanced, Text: text}, Relay: "local"}
}

func remote(r queue.Result) queue.Result {
	r.Relay, r.RemoteMTA = "mx.example.net[192.0.2.1]:25", "mx.example.net"
	return r
}

func about(address string, r queue.Result) queue.Report {
	return queue.Report{Recipient: mail.Recipient{Address: address, Original: address}, Result: r, At: now}
}

func wishing(n mail.Notify, r queue.Report) queue.Report {
	r.Recipient.Notify = n
	return r
}

// parsed is a notice taken apart by a library that we did not write.
type parsed struct {
	header message.Header
	types  []string
	heads  []message.Header
	parts  []string
	// fields are the blocks of the second part.
	fields []map[string]string
}

func parse(t *testing.T, notice string) *parsed {
	t.Helper()
	if strings.Contains(strings.ReplaceAll(notice, "\r\n", ""), "\n") {
		t.Error("a bare LF stands in the notice")
	}
	e, err := message.Read(strings.NewReader(notice))
	if err != nil && !message.IsUnknownCharset(err) {
		t.Fatal(err)
	}
	p := &parsed{header: e.Header}
	mr := e.MultipartReader()
	if mr == nil {
		t.Fatal("not a multipart message")
	}
	for {
		part, err := mr.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil && !message.IsUnknownCharset(err) {
			t.Fatal(err)
		}
		typ, _, err := part.Header.ContentType()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(part.Body)
		if err != nil {
			t.Fatal(err)
		}
		p.types, p.heads, p.parts = append(p.types, typ), append(p.heads, part.Header), append(p.parts, string(b))
	}
	if len(p.parts) != 3 {
		t.Fatalf("%d parts: %q", len(p.parts), p.types)
	}
	p.fields = blocks(t, p.parts[1])
	return p
}

// blocks takes the fields of a report apart.
func blocks(t *testing.T, report string) []map[string]string {
	t.Helper()
	var all []map[string]string
	for _, block := range strings.Split(strings.TrimSuffix(report, "\r\n"), "\r\n\r\n") {
		m := map[string]string{}
		block = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(block)
		for _, line := range strings.Split(strings.TrimSuffix(block, "\r\n"), "\r\n") {
			name, value, ok := strings.Cut(line, ": ")
			if _, twice := m[name]; !ok || twice {
				t.Fatalf("bad line %q in the report", line)
			}
			m[name] = value
		}
		all = append(all, m)
	}
	return all
}

// golden compares text with a file in testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".eml")
	got = strings.ReplaceAll(got, "\r\n", "\n")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s:\n%s", path, got)
	}
}
