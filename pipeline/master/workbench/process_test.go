package workbench

import (
	"os"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/serve"
)

// TestMain makes the test binary a process plugin as well.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		serve.Main(guard{})
	}
	os.Exit(m.Run())
}

// guard refuses one sender.
type guard struct{}

func (guard) Mail(tx sdk.Tx) sdk.Verdict {
	if tx.Sender() == "mallory@b.test" {
		return sdk.Reject("5.7.1", "not you")
	}
	return sdk.Continue
}

func TestAProcessIsTriedLikeAModule(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	what := "process:" + self + " plugin"
	b := open(t, what, Options{})
	if r := b.Pass(t.Context(), Message{Client: client, From: "mallory@b.test", To: []string{"c@d.test"}}); r.Refused == nil || r.Refused.Reply.Text != "not you" {
		t.Errorf("%+v", r.Refused)
	}
	if r := b.Pass(t.Context(), Message{Client: client, From: "a@b.test", To: []string{"c@d.test"}, Text: []byte("Subject: x\n\n")}); r.Refused != nil || hooks(r) != "mail continue" {
		t.Errorf("%+v %s", r.Refused, hooks(r))
	}
	sc, err := sdktest.Parse(strings.NewReader("connect 192.0.2.1\nmail mallory@b.test\n> reject 550 5.7.1 not you\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sdktest.Play(t.Context(), Subject(what, Options{}), sc, sdktest.Options{}).Err(""); err != nil {
		t.Error(err)
	}
}
