package wasm

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// envelope is a host that knows a sender and has a store.
type envelope struct {
	serving
	user, reply string
}

func (h *envelope) Get(key string) (string, sdk.Errno) {
	switch {
	case key == "mail.from":
		return "sender@example.com", sdk.OK
	case key == "auth.user" && h.user != "":
		return h.user, sdk.OK
	}
	return "", sdk.ErrNotFound
}

func (h *envelope) Reply(code int, enhanced, text string) sdk.Errno {
	h.reply = strings.Clone(enhanced + " " + text)
	return sdk.OK
}

// The first plugin of docs/plugin-authors.md, as it stands there, does what it says there.
// testdata/limiter.wasm is built of it by the line below it.
func TestTheFirstPluginOfTheTutorialRuns(t *testing.T) {
	doc, err := os.ReadFile("../../docs/plugin-authors.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/limiter.c")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), "```c\n"+string(source)+"```") {
		t.Error("testdata/limiter.c is not the C source of docs/plugin-authors.md")
	}
	code, err := os.ReadFile("testdata/limiter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(context.Background(), code, Options{Name: "limiter", Allow: map[string]bool{"kv": true}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	h := &envelope{serving: serving{initHost: initHost{m: m}, counts: map[string]int64{}}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := 1; i <= 12; i++ {
		a, err := m.Call(ctx, sdk.PointRcpt, h)
		if want := i > 10; err != nil || (a == sdk.ActTempfail) != want {
			t.Fatalf("recipient %d: %v, %v", i, a, err)
		}
	}
	if h.counts["from sender@example.com"] != 12 || h.reply != "4.7.1 too many recipients in an hour" {
		t.Fatalf("%v, %q", h.counts, h.reply)
	}
	h.user = "somebody"
	if a, err := m.Call(ctx, sdk.PointRcpt, h); a != sdk.ActContinue || err != nil {
		t.Fatalf("an authenticated user: %v, %v", a, err)
	}
}
