package privsep_test

import (
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/privsep"
)

func FuzzMessage(f *testing.F) {
	for _, m := range []privsep.Message{
		{Op: privsep.Answer, ID: 1, Integers: []int64{2, 0}, Texts: []string{"no such file"}},
		{Op: privsep.Run, ID: 7, Integers: []int64{1, 5, 6, 60, 2}, Texts: []string{"prog", "", "/", "/bin/cat", "-", "A=b"}},
		{Op: privsep.Listen, Texts: []string{"smtp", "tcp", "127.0.0.1:25"}},
		{Op: privsep.Kill, ID: 1 << 31},
		{Op: privsep.Notify, Integers: []int64{-1}, Texts: []string{"\x00\xff"}},
	} {
		b, err := m.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x04\x00\x00\x00\x00\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := privsep.Decode(b)
		if err != nil {
			return
		}
		again, err := m.Append(nil)
		if err != nil || string(again) != string(b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func TestAMessageArrivesAsItWasSentWithItsFiles(t *testing.T) {
	ours, theirs := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sent := &privsep.Message{Op: privsep.Answer, ID: 9, Integers: []int64{0, 0}, Texts: []string{"", strings.Repeat("x", 100<<10)}}
	if err := ours.Send(sent, int(w.Fd())); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got, files, err := theirs.Receive()
	if err != nil || len(files) != 1 || !reflect.DeepEqual(got, sent) {
		t.Fatalf("got %+v with %d files, %v", got, len(files), err)
	}
	if _, err := files[0].WriteString("hello"); err != nil {
		t.Error(err)
	}
	files[0].Close()
	if b, err := io.ReadAll(r); string(b) != "hello" || err != nil {
		t.Errorf("the file carried %q, %v", b, err)
	}
	ours.Close()
	if _, _, err := theirs.Receive(); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
}

func TestWhatIsNotAMessageOfItsKindIsRefused(t *testing.T) {
	ours, theirs := pair(t)
	for name, m := range map[string]*privsep.Message{
		"too many integers": {Op: privsep.Reload, Integers: []int64{1}},
		"too few texts":     {Op: privsep.Listen, Texts: []string{"tcp"}},
		"an unknown kind":   {Op: 200},
	} {
		if err := ours.Send(m); err == nil {
			t.Errorf("%s: it was sent", name)
		}
	}
	if err := ours.Send(&privsep.Message{Op: privsep.Sign, Integers: []int64{0, 0}, Texts: []string{"k", strings.Repeat("x", privsep.MaxMessage)}}); !errors.Is(err, privsep.ErrTooLarge) {
		t.Errorf("a large one: %v", err)
	}
	if err := ours.Send(&privsep.Message{Op: privsep.Reload}, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := theirs.Receive(); err == nil || err == io.EOF {
		t.Errorf("a file with a kind that has none: %v", err)
	}
}

func TestAClientWhoseParentIsGoneSaysSo(t *testing.T) {
	ours, theirs := pair(t)
	c := privsep.NewClient(ours)
	asked := make(chan error)
	go func() { asked <- c.Reload() }()
	if m, _, err := theirs.Receive(); err != nil || m.Op != privsep.Reload {
		t.Fatalf("got %v, %v", m, err)
	}
	theirs.Close()
	if err := <-asked; !errors.Is(err, privsep.ErrGone) {
		t.Errorf("who waited got %v", err)
	}
	<-c.Gone()
	if err := c.Upgrade(); !errors.Is(err, privsep.ErrGone) {
		t.Errorf("who came later got %v", err)
	}
}

// pair is a channel within this process.
func pair(t *testing.T) (a, b *privsep.Conn) {
	t.Helper()
	a, f, err := privsep.Pair()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = privsep.Take(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
