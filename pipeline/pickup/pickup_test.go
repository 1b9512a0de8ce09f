package pickup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/pickup"
	"github.com/mtad/mtad/pipeline/pickup/drop"
)

// door is a door that keeps what it is given.
type door struct {
	mu   sync.Mutex
	got  []string // "sender|text"
	envs []mail.Envelope
	fail error
	came chan struct{} // one for each message
}

func newDoor() *door { return &door{came: make(chan struct{}, 1000)} }

func (d *door) submit(_ context.Context, env *mail.Envelope, text io.Reader) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	env.ID = fmt.Sprintf("ID%d", len(d.got)+1)
	b, err := io.ReadAll(text)
	if err != nil {
		return "", status.From(err)
	}
	if d.fail != nil {
		return "", d.fail
	}
	d.got = append(d.got, env.Sender+"|"+string(b))
	d.envs = append(d.envs, *env)
	d.came <- struct{}{}
	return env.ID, nil
}

// world is a maildrop directory with a pickup.
type world struct {
	dir  string
	door *door
	logs bytes.Buffer
	log  *maillog.Log
	*pickup.Pickup
}

func newWorld(t *testing.T, change func(*pickup.Options)) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), door: newDoor()}
	w.log = maillog.New(maillog.Options{Writer: &w.logs})
	o := pickup.Options{Dir: w.dir, Submit: w.door.submit, Log: w.log.Service("pickup")}
	if change != nil {
		change(&o)
	}
	w.Pickup = pickup.New(o)
	return w
}

func (w *world) put(t *testing.T, sender, text string) (name string) {
	t.Helper()
	env := &mail.Envelope{Sender: sender, Arrived: time.Unix(1700000000, 0), Recipients: []mail.Recipient{{Address: "to@example.com"}}}
	name, err := drop.Put(w.dir, env, strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (w *world) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (w *world) logged() string { w.log.Flush(); return w.logs.String() }

func TestFilesAreSubmittedOldestFirstAndRemoved(t *testing.T) {
	w := newWorld(t, nil)
	for i, sender := range []string{"third", "first", "second"} {
		name := w.put(t, sender, "hi "+sender)
		at := time.Unix(int64(1000+[]int{3, 1, 2}[i]), 0)
		if err := os.Chtimes(filepath.Join(w.dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	w.Scan(t.Context())
	if got := strings.Join(w.door.got, " "); got != "first|hi first second|hi second third|hi third" {
		t.Errorf("got %q", got)
	}
	if left := w.files(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	o := w.door.envs[0].Origin
	if o.UID != os.Getuid() || o.Kind != mail.KindSendmail || o.Service != "pickup" || !o.Local {
		t.Errorf("origin %+v", o)
	}
	if want := fmt.Sprintf("ID1: uid=%d from=<first>", os.Getuid()); !strings.Contains(w.logged(), want) {
		t.Errorf("log %q lacks %q", w.logged(), want)
	}
}

func TestAFailureForNowLeavesTheFile(t *testing.T) {
	for name, fail := range map[string]error{
		"a temporary reply":  status.New(452, "4.3.1", "Insufficient system storage"),
		"an unknown failure": errors.New("a bug"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.door.fail = fail
			file := w.put(t, "s", "x")
			w.Scan(t.Context())
			if left := w.files(t); len(left) != 1 || left[0] != file {
				t.Fatalf("left %v", left)
			}
			w.door.fail = nil
			w.Scan(t.Context())
			if len(w.door.got) != 1 || len(w.files(t)) > 0 {
				t.Errorf("the second time: got %v, left %v", w.door.got, w.files(t))
			}
		})
	}
}

func TestARefusedMessageIsKeptOrReturned(t *testing.T) {
	refusal := status.New(552, "5.3.4", "Message file too big")
	t.Run("kept when nobody returns it", func(t *testing.T) {
		w := newWorld(t, nil)
		w.door.fail = refusal
		file := w.put(t, "s", "x")
		w.Scan(t.Context())
		w.Scan(t.Context())
		if left := w.files(t); len(left) != 1 || left[0] != "refused."+file {
			t.Errorf("left %v", left)
		}
		if n := strings.Count(w.logged(), "Message file too big"); n != 1 {
			t.Errorf("logged %d times: %s", n, w.logged())
		}
	})
	t.Run("returned to its sender", func(t *testing.T) {
		var returned string
		w := newWorld(t, func(o *pickup.Options) {
			o.Return = func(_ context.Context, env *mail.Envelope, r status.Reply, text mail.Content) error {
				b, err := io.ReadAll(mail.Reader(text))
				returned = fmt.Sprintf("%s %s %s", env.Sender, r.Enhanced, b)
				return err
			}
		})
		w.door.fail = refusal
		w.put(t, "s", "the text")
		w.Scan(t.Context())
		if returned != "s 5.3.4 the text" || len(w.files(t)) > 0 {
			t.Errorf("returned %q, left %v", returned, w.files(t))
		}
	})
	t.Run("left when returning fails for now", func(t *testing.T) {
		w := newWorld(t, func(o *pickup.Options) {
			o.Return = func(context.Context, *mail.Envelope, status.Reply, mail.Content) error { return errors.New("disk") }
		})
		w.door.fail = refusal
		file := w.put(t, "s", "x")
		w.Scan(t.Context())
		if left := w.files(t); len(left) != 1 || left[0] != file {
			t.Errorf("left %v", left)
		}
	})
	t.Run("too large to be read at all", func(t *testing.T) {
		w := newWorld(t, func(o *pickup.Options) { o.SizeLimit = 1 })
		file := w.put(t, "s", "x")
		if err := os.Truncate(filepath.Join(w.dir, file), 17<<20); err != nil {
			t.Fatal(err)
		}
		w.Scan(t.Context())
		if left := w.files(t); len(left) != 1 || left[0] != "refused."+file || len(w.door.got) > 0 {
			t.Errorf("left %v, got %v", left, w.door.got)
		}
	})
}

func TestWhatIsNoMessageIsSetAsideAndKept(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
	}{
		{"rubbish", func(t *testing.T, path string) { write(t, path, "rubbish") }},
		{"a message cut short", func(t *testing.T, path string) {
			write(t, path, "mtad-drop 1\narrived 1\nsize 10\nsender \"\"\nrecipient \"a\"\n\nabc")
		}},
		{"a symbolic link", func(t *testing.T, path string) {
			if err := os.Symlink("/etc/passwd", path); err != nil {
				t.Fatal(err)
			}
		}},
		{"a second link to a file", func(t *testing.T, path string) {
			other := filepath.Join(t.TempDir(), "other")
			write(t, other, "mtad-drop 1\narrived 1\nsize 0\nsender \"\"\nrecipient \"a\"\n\n")
			if err := os.Link(other, path); err != nil {
				t.Skip("hard links between these directories are not possible: ", err)
			}
		}},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			tt.make(t, filepath.Join(w.dir, "X"))
			w.put(t, "good", "x")
			w.Scan(t.Context())
			if left := w.files(t); len(left) != 1 || left[0] != "damaged.X" {
				t.Errorf("left %v", left)
			}
			if len(w.door.got) != 1 {
				t.Errorf("the good one beside it: %v", w.door.got)
			}
			if !strings.Contains(w.logged(), "warning: maildrop/X: ") {
				t.Errorf("log %q", w.logged())
			}
		})
	}
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFilesBeingWrittenAreLeftAlone(t *testing.T) {
	w := newWorld(t, nil)
	write(t, filepath.Join(w.dir, "tmp.ABC"), "mtad-drop 1\n")
	w.Scan(t.Context())
	if left := w.files(t); len(left) != 1 || left[0] != "tmp.ABC" {
		t.Errorf("left %v", left)
	}
}

// start runs w until the test ends.
func (w *world) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestRunTakesWhatIsThereAndWhatComes(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t, "before", "x")
	w.start(t)
	<-w.door.came
	w.put(t, "while it runs", "x")
	w.Poke() // in case that the system has no watches left to give
	<-w.door.came
}

func TestRunLooksNowAndThenWithoutBeingTold(t *testing.T) {
	w := newWorld(t, func(o *pickup.Options) { o.Wakeup = time.Millisecond })
	w.start(t)
	w.put(t, "s", "x")
	<-w.door.came
}
