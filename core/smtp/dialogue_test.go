package smtp_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/smtp/smtptest"
)

// start serves o and h on a loopback port until the test ends, and returns the address.
func start(t testing.TB, o smtp.Options, h smtp.Handler) (*smtp.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.New(o, h)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := srv.Serve(ctx, l); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); serving.Wait() })
	return srv, l.Addr().String()
}

// TestDialogues plays the scripts of testdata: each is an archive of
//
//	options   lines "Name value" for Options
//	policy    lines "call => reply" for the policy, "extension LINE" for EHLO lines
//	dialogue  the script (package smtptest)
//	calls     the calls that the policy must have seen, if the file is there
//	messages  the texts that it must have got, one Go string a line, if the file is there
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			playFile(t, file)
		})
	}
}

func playFile(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o := smtp.Defaults()
	o.Hostname, o.Banner = "mx.example.com", "mx.example.com ESMTP test"
	o.ErrorDelay = 0
	p := newPolicy()
	var dialogue string
	want := map[string][]string{}
	for name, text := range archive(string(data)) {
		switch name {
		case "options":
			setOptions(t, &o, lines(text))
		case "policy":
			setPolicy(t, p, lines(text))
		case "dialogue":
			dialogue = text
		case "calls", "messages":
			want[name] = lines(text)
		default:
			t.Fatalf("unknown file %q", name)
		}
	}
	_, address := start(t, o, p)
	nc := smtptest.Dial(t, address)
	smtptest.Dialogue(t, nc, dialogue)
	_ = nc.Close()
	if calls, ok := want["calls"]; ok {
		compare(t, "calls", waitClosed(t, p), calls)
	}
	if texts, ok := want["messages"]; ok {
		waitClosed(t, p)
		var got []string
		for _, m := range p.messages() {
			got = append(got, strconv.Quote(m))
		}
		compare(t, "messages", got, texts)
	}
}

// archive takes a txtar archive apart: the files follow lines "-- name --".
func archive(data string) map[string]string {
	files := map[string]string{}
	name := ""
	for line := range strings.Lines(data) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(n, " --") {
			name = strings.TrimSuffix(n, " --")
			files[name] = ""
		} else if name != "" {
			files[name] += line
		}
	}
	return files
}

func lines(data string) []string {
	var out []string
	for line := range strings.Lines(data) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// waitClosed waits until the session was closed and returns the calls.
func waitClosed(t *testing.T, p *policy) []string {
	t.Helper()
	select {
	case <-p.closed:
	case <-time.After(smtptest.Patience):
		t.Fatalf("the session was not closed: %q", p.history())
	}
	return p.history()
}

func setPolicy(t *testing.T, p *policy, rules []string) {
	for _, line := range rules {
		if ext, ok := strings.CutPrefix(line, "extension "); ok {
			p.extensions = append(p.extensions, ext)
			continue
		}
		call, reply, ok := strings.Cut(line, " => ")
		if !ok {
			t.Fatalf("policy: %q", line)
		}
		p.rules[call] = reply
	}
}

func setOptions(t *testing.T, o *smtp.Options, settings []string) {
	for _, line := range settings {
		name, value, _ := strings.Cut(line, " ")
		if name == "TLS" {
			o.TLS, _ = smtptest.TLS(t)
			continue
		}
		if err := setOption(reflect.ValueOf(o).Elem().FieldByName(name), value); err != nil {
			t.Fatalf("option %q: %v", line, err)
		}
	}
}

func setOption(f reflect.Value, value string) error {
	if !f.IsValid() {
		return fmt.Errorf("no such option")
	}
	switch f.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(value)
		f.SetInt(int64(d))
		return err
	case smtp.BareNewline:
		f.SetUint(map[string]uint64{"normalize": uint64(smtp.Normalize), "reject": uint64(smtp.Reject)}[value])
	case []string:
		f.Set(reflect.ValueOf(strings.Fields(value)))
	case string:
		f.SetString(value)
	case bool:
		b, err := strconv.ParseBool(value)
		f.SetBool(b)
		return err
	case int, int64:
		n, err := strconv.ParseInt(value, 10, 64)
		f.SetInt(n)
		return err
	default:
		return fmt.Errorf("no option that a script can set")
	}
	return nil
}
