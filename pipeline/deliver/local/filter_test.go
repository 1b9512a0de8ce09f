package local_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/deliver/local"
	"github.com/mtad/mtad/queue"
)

// The filter sees each part of a recipient, and what it makes of a part decides about the recipient and
// about what is done again.
func TestEachPartIsFiltered(t *testing.T) {
	o := expanding(t, options(t, "spool"), rows{"info": "bob, nosuch, a@remote.example"})
	var seen []string
	o.Filter = func(_ context.Context, r *queue.Result) {
		seen = append(seen, r.Reply.DSN()+" "+r.Reply.Text)
		if r.Outcome == queue.Bounced {
			r.Outcome, r.Reply.Code, r.Reply.Enhanced, r.Reply.Text = queue.Deferred4, 451, "4.1.1", "perhaps later"
		}
	}
	a, err := local.New(o)
	if err != nil {
		t.Fatal(err)
	}
	req := request("x", "info@example.org")
	want(t, a.Deliver(t.Context(), req)[0], queue.Deferred4, "451 4.1.1 perhaps later")
	if want := []string{"2.0.0 delivered to mailbox", `5.1.1 unknown user: "nosuch"`}; !slices.Equal(seen, want) {
		t.Errorf("the filter saw %q, want %q", seen, want)
	}
	seen = nil
	want(t, a.Deliver(t.Context(), req)[0], queue.Deferred4, "451 4.1.1 perhaps later")
	if n := count(t, o.Spool+"/bob"); n != 1 || len(seen) != 1 {
		t.Errorf("bob has %d messages; the second attempt did %q", n, seen)
	}
}

// A file that anybody may write is nobody's word: its mail waits for the admin.
func TestAnIncludeFileThatAnybodyMayWriteIsNotObeyed(t *testing.T) {
	o := expanding(t, options(t, "spool"), nil)
	list := filepath.Join(filepath.Dir(o.Spool), "list")
	if err := os.WriteFile(list, []byte("bob\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Aliases = []local.AliasMap{{Table: rows{"list": ":include:" + list}}}
	want(t, deliver(t, o, "x", "list@example.org")[0], queue.Sent, "250 2.0.0 delivered to mailbox")
	if err := os.Chmod(list, 0o646); err != nil {
		t.Fatal(err)
	}
	r := deliver(t, o, "x", "list@example.org")[0]
	want(t, r, queue.Deferred4, "451 4.3.5 mail system configuration error")
	if r.Cause == nil || !strings.Contains(r.Cause.Error(), "may be written by anybody") {
		t.Errorf("the cause is %v", r.Cause)
	}
}
