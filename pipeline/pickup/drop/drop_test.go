package drop_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/pickup/drop"
)

func full() *mail.Envelope {
	return &mail.Envelope{
		Sender: "user@example.com", Arrived: time.UnixMilli(1700000000123), Body: mail.Body8BitMIME, SMTPUTF8: true, Trace: mail.TraceRecord,
		Ret: mail.RetHeaders, EnvID: "a+20b",
		Recipients: []mail.Recipient{
			{Address: "a@example.com", Original: "a@example.com"},
			{Address: `"q \" u"@example.com`, Original: `"q \" u"@example.com`, Notify: mail.NotifyNever},
			{Address: "ü@example.com", Original: "ü@example.com", Notify: mail.NotifySuccess | mail.NotifyFailure | mail.NotifyDelay,
				ORcpt: "rfc822;x notify=y@example.com"},
		},
	}
}

func encode(t *testing.T, env *mail.Envelope, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := drop.Encode(&b, env, strings.NewReader(text), int64(len(text))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDecodeReadsBackWhatEncodeWrote(t *testing.T) {
	tests := []struct {
		name, text string
		env        *mail.Envelope
	}{
		{"everything set", "Subject: x\n\nhi\n", full()},
		{"the null sender and no text", "", &mail.Envelope{Arrived: time.UnixMilli(0),
			Recipients: []mail.Recipient{{Address: "a", Original: "a"}}}},
		{"text that looks like a head", "mtad-drop 1\nsize 3\n\n", full()},
		{"text with NUL and without a line end", "a\x00b", full()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form := encode(t, tt.env, tt.text)
			if n := drop.Head(tt.env, int64(len(tt.text))) + int64(len(tt.text)); n != int64(len(form)) {
				t.Errorf("Head promises %d bytes in all, there are %d", n, len(form))
			}
			if read, _ := io.ReadAll(drop.Reader(tt.env, strings.NewReader(tt.text), int64(len(tt.text)))); string(read) != form {
				t.Errorf("Reader gives %q, Encode %q", read, form)
			}
			env, r, err := drop.Decode(iotest.OneByteReader(strings.NewReader(form)))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil || string(text) != tt.text || !reflect.DeepEqual(env, tt.env) {
				t.Errorf("got %+v %q %v\nwant %+v %q", env, text, err, tt.env, tt.text)
			}
		})
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	good := encode(t, full(), "text")
	tests := []struct{ name, form string }{
		{"nothing", ""},
		{"another version", strings.Replace(good, "mtad-drop 1", "mtad-drop 2", 1)},
		{"it ends in the head", good[:40]},
		{"the message is shorter than its size", good[:len(good)-1]},
		{"the message is longer than its size", good + "x"},
		{"no recipient", "mtad-drop 1\narrived 1\nsize 0\nsender \"\"\n\n"},
		{"no sender", "mtad-drop 1\narrived 1\nsize 0\nrecipient \"a\"\n\n"},
		{"two senders", strings.Replace(good, "sender", "sender \"x\"\nsender", 1)},
		{"an unknown line", strings.Replace(good, "smtputf8", "smtputf9", 1)},
		{"a negative size", strings.Replace(good, "size 4", "size -4", 1)},
		{"a line break in an address", strings.Replace(good, `"user@`, `"user\n@`, 1)},
		{"an address that is not quoted", strings.Replace(good, `"a@example.com"`, `a@example.com`, 1)},
		{"a raw quoted address", strings.Replace(good, `"a@example.com"`, "`a@example.com`", 1)},
		{"never and something else", strings.Replace(good, "never", "never,delay", 1)},
		{"an unknown wish", strings.Replace(good, "never", "sometimes", 1)},
		{"something behind a recipient", strings.Replace(good, "notify=never", "notify=never x=1", 1)},
		{"an unknown body", strings.Replace(good, "body 8bitmime", "body 9bit", 1)},
		{"an endless line", "mtad-drop 1\nsender \"" + strings.Repeat("x", 10000) + "\"\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, r, err := drop.Decode(strings.NewReader(tt.form))
			if err == nil {
				_, err = io.ReadAll(r)
			}
			if !errors.Is(err, drop.ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDecodeTellsAFailingDiskFromDamage(t *testing.T) {
	broken := errors.New("disk")
	_, _, err := drop.Decode(iotest.ErrReader(broken))
	if !errors.Is(err, broken) || errors.Is(err, drop.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestEncodeFailsWhenTheTextIsNotAsLongAsPromised(t *testing.T) {
	if err := drop.Encode(io.Discard, full(), strings.NewReader("abc"), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestPutLeavesOneWholeFile(t *testing.T) {
	dir := t.TempDir()
	name, err := drop.Put(dir, full(), strings.NewReader("text"), 4)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || string(data) != encode(t, full(), "text") {
		t.Errorf("got %q %v", data, err)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v %v; pickup, another user, could not read it", info.Mode(), err)
	}
	if drop.IsTemporary(name) {
		t.Errorf("%s looks temporary", name)
	}
}

func TestPutLeavesNothingWhenItFails(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("input")
	if _, err := drop.Put(dir, full(), iotest.ErrReader(broken), 4); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v %v", left, err)
	}
	if _, err := drop.Put(filepath.Join(dir, "none"), full(), strings.NewReader(""), 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode: no input makes Decode panic, and what it accepts survives another round.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := drop.Encode(&b, full(), strings.NewReader("text"), 4); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		env, r, err := drop.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return
		}
		again, r, err := drop.Decode(strings.NewReader(encode(t, env, string(text))))
		if err != nil {
			t.Fatal(err)
		}
		text2, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(text, text2) || !reflect.DeepEqual(env, again) {
			t.Fatalf("%+v %q %v\n%+v %q", again, text2, err, env, text)
		}
	})
}

func TestMakeDirLetsEverybodyPutAndNobodyLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "maildrop")
	for range 2 {
		if err := drop.MakeDir(dir); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil || info.Mode() != os.ModeDir|drop.DirMode {
			t.Errorf("mode %v %v", info.Mode(), err)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
