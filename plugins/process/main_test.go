// The tests of this package start the test binary again as the plugin: its first argument is "plugin",
// its second says which.
package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/serve"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		play(os.Args[2])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play is main() of the plugins.
func play(part string) {
	switch part {
	case "tour":
		serve.Main(tour{}, serve.Wants(sdk.PointConnect, "client.addr"))
	case "bad":
		serve.Main(&bad{})
	case "needy":
		serve.Main(tour{}, serve.Needs(sdk.CapEdit, sdk.CapKV))
	case "narrow":
		serve.Main(&bad{}, serve.Lanes(2))
	case "rude":
		(&rude{}).serve()
	case "small":
		serve.Main(small{})
	case "silent":
		time.Sleep(time.Hour)
	case "talkative":
		fmt.Println("Hello, world!")
	case "stranger":
		fmt.Println("1|7|unix|/tmp/x|grpc|")
	case "elsewhere":
		fmt.Println("1|1|tcp|127.0.0.1:1|grpc|")
		time.Sleep(time.Hour)
	case "broken":
		fmt.Fprintln(os.Stderr, "cannot open the word list")
		os.Exit(3)
	case "host":
		host()
	case "grandchild":
		time.Sleep(time.Hour)
	}
}

// plugin says how to run a part of play.
func plugin(t testing.TB, part string) process.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return process.Options{Name: "plugin", Command: []string{self, "plugin", part}, Log: func(_ sdk.Level, text string) { t.Log(text) }}
}

func load(t testing.TB, o process.Options) *process.Module {
	t.Helper()
	m, err := process.Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, m) })
	return m
}

func shut(t testing.TB, m *process.Module) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := m.Close(ctx); err != nil {
		t.Error(err)
	}
}

// subject is a part of play for sdktest.
func subject(t testing.TB, part string) sdktest.Subject {
	return func(ctx context.Context, l sdktest.Load) (sdk.Module, error) {
		o := plugin(t, part)
		o.Name, o.Config, o.Allow, o.Log = l.Name, l.Config, l.Allow, l.Log
		return process.Load(ctx, o)
	}
}

// bad misbehaves at the point and in the way that its configuration says.
type bad struct {
	at, how string
}

func (b *bad) Init(tx sdk.Tx) error {
	b.at, b.how = tx.Config("at", ""), tx.Config("how", "")
	if b.how == "refuse" {
		return fmt.Errorf("I do not like it here")
	}
	if b.how == "environment" {
		tx.Log(sdk.LevelInfo, strings.Join(os.Environ(), " "))
	}
	if b.how == "panic at once" {
		panic("at once")
	}
	return nil
}

func (b *bad) hook(point string, tx sdk.Tx) sdk.Verdict {
	if point != b.at {
		return sdk.Continue
	}
	switch b.how {
	case "die":
		die("the last words")
	case "die while editing":
		tx.SetHeader("Subject", "half")
		tx.SetSender("evil@example.net")
		tx.DelRcpt("alice@example.com")
		tx.Host.BodyBegin()
		tx.Host.BodyWrite([]byte("half a bo"))
		die("in the middle")
	case "hang":
		select {}
	case "linger":
		time.Sleep(300 * time.Millisecond)
	case "answer garbage":
		return sdk.Verdict{Action: 77}
	case "answer too much":
		return sdk.Reject("5.7.1", strings.Repeat("x", 300<<10))
	case "panic":
		panic("out of cheese")
	case "call without end":
		for {
			tx.Count("calls", 1)
		}
	case "eat memory":
		var all [][]byte
		for range 1 << 12 {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			all = append(all, b)
		}
		return sdk.Reject("5.7.1", fmt.Sprint(len(all)))
	case "spawn":
		self, _ := os.Executable()
		c := exec.Command(self, "plugin", "grandchild")
		if err := c.Start(); err != nil {
			return sdk.Tempfail("4.3.0", err.Error())
		}
		return sdk.Reject("5.7.1", fmt.Sprint(os.Getpid(), " ", c.Process.Pid))
	case "echo":
		return sdk.Reject("5.7.1", tx.Rcpt())
	case "shout":
		for i := range 1000 {
			fmt.Fprintln(os.Stderr, "line", i, "\x1b[31m")
		}
	}
	return sdk.Continue
}

func die(words string) {
	// As a program that crashes does: the words go to the real standard error.
	_, _ = syscall.Write(2, []byte(words+"\n"))
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (b *bad) Connect(tx sdk.Tx) sdk.Verdict { return b.hook("connect", tx) }
func (b *bad) Helo(tx sdk.Tx) sdk.Verdict    { return b.hook("helo", tx) }
func (b *bad) Auth(tx sdk.Tx) sdk.Verdict    { return b.hook("auth", tx) }
func (b *bad) Mail(tx sdk.Tx) sdk.Verdict    { return b.hook("mail", tx) }
func (b *bad) Rcpt(tx sdk.Tx) sdk.Verdict    { return b.hook("rcpt", tx) }
func (b *bad) Data(tx sdk.Tx) sdk.Verdict    { return b.hook("data", tx) }
func (b *bad) Headers(tx sdk.Tx) sdk.Verdict { return b.hook("headers", tx) }
func (b *bad) Body(tx sdk.Tx) sdk.Verdict    { return b.hook("body", tx) }
func (b *bad) EOM(tx sdk.Tx) sdk.Verdict     { return b.hook("eom", tx) }
func (b *bad) Abort(tx sdk.Tx)               { b.hook("abort", tx) }
func (b *bad) Rewrite(tx sdk.Tx) sdk.Verdict { return b.hook("rewrite", tx) }
func (b *bad) Route(tx sdk.Tx) sdk.Verdict   { return b.hook("route", tx) }
func (b *bad) Deliver(tx sdk.Tx) sdk.Verdict { return b.hook("deliver", tx) }
func (b *bad) Lookup(tx sdk.Tx) sdk.Verdict  { return b.hook("lookup", tx) }
func (b *bad) Event(tx sdk.Tx)               { b.hook("event", tx) }
