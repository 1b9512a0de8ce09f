package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/queue"
)

func TestAnAttemptEndsAsItsErrorSays(t *testing.T) {
	disk := errors.New("disk on fire")
	for _, c := range []struct {
		name    string
		err     error
		outcome queue.Outcome
		dsn     string
		cause   error
	}{
		{"class 5 bounces", status.Reject("5.1.1", "unknown user"), queue.Bounced, "5.1.1", nil},
		{"class 4 defers", status.Tempfail("4.2.0", "locked").Because(disk), queue.Deferred4, "4.2.0", disk},
		{"a wrapped reply counts", fmt.Errorf("virtual: %w", status.Reject("5.2.2", "full")), queue.Bounced, "5.2.2", nil},
		{"the rule goes before the cause", status.Tempfail("4.3.5", "error").Because(disk).By("maps"), queue.Deferred4, "4.3.5", disk},
		{"an unknown failure defers", disk, queue.Deferred4, "4.3.0", disk},
		{"an interruption defers", fmt.Errorf("lock: %w", context.Canceled), queue.Deferred4, "4.3.2", context.Canceled},
		{"a deadline defers", context.DeadlineExceeded, queue.Deferred4, "4.3.2", context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Unix(1, 0)
			r := deliver.Attempt{Relay: "local", Begun: begun}.Failed(c.err)
			if r.Outcome != c.outcome || r.Reply.DSN() != c.dsn || !errors.Is(r.Cause, c.cause) {
				t.Errorf("got %v %v (cause %v)", r.Outcome, r.Reply, r.Cause)
			}
			if r.Relay != "local" || !r.Begun.Equal(begun) {
				t.Errorf("relay %q, begun %v", r.Relay, r.Begun)
			}
		})
	}
}

func TestAllAnswersForEachRecipient(t *testing.T) {
	req := &queue.Request{Recipients: make([]mail.Recipient, 3)}
	rs := deliver.All(req, deliver.Attempt{Relay: "x"}.Sent("2.0.0", "kept\nclean"))
	if len(rs) != 3 || rs[2].Reply.String() != "250 2.0.0 kept clean" || rs[2].Outcome != queue.Sent {
		t.Fatalf("got %+v", rs)
	}
}

func TestHeaderEndsWhereTheFieldsEnd(t *testing.T) {
	long := "X-Long: " + strings.Repeat("x", 100_000) + "\r\n"
	for _, c := range []struct{ name, text, want string }{
		{"at the empty line", "A: 1\r\nB: 2\r\n 3\r\n\r\nC: body\r\n", "A: 1\r\nB: 2\r\n 3\r\n"},
		{"at the end of a message without body", "A: 1\r\n", "A: 1\r\n"},
		{"at once in an empty message", "", ""},
		{"behind a line longer than the first read", long + "B: 2\r\n\r\nbody", long + "B: 2\r\n"},
		{"behind very many fields", strings.Repeat("A: 1\r\n", 20_000) + "\r\nbody", strings.Repeat("A: 1\r\n", 20_000)},
		{"where a continuation begins at the seam of two reads",
			"A: " + strings.Repeat("x", 8<<10-5) + "\r\n b\r\n\r\nC: no", "A: " + strings.Repeat("x", 8<<10-5) + "\r\n b\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := deliver.Header(mail.Bytes(c.text), nil)
			if err != nil || string(got) != c.want {
				t.Fatalf("got %d bytes, %v; want %d", len(got), err, len(c.want))
			}
		})
	}
}

func TestHeaderStopsAtTheLimit(t *testing.T) {
	text := mail.Bytes(strings.Repeat("A: 1234\r\n", mail.HeaderLimit/9+100))
	got, err := deliver.Header(text, nil)
	if err != nil || len(got) > mail.HeaderLimit || len(got) < mail.HeaderLimit-9 {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
}

// short claims more bytes than it has.
type short struct{ mail.Bytes }

func (s short) Size() int64 { return int64(len(s.Bytes)) + 1 }

func TestHeaderOfADamagedTextIsAnError(t *testing.T) {
	if _, err := deliver.Header(short{mail.Bytes("A: 1\r\n\r\n")}, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v", err)
	}
	if _, err := deliver.DeliveredTo(short{mail.Bytes("A: 1\r\n\r\n")}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v", err)
	}
}

func TestDeliveredToKnowsWhereAMessageWas(t *testing.T) {
	text := "Received: x\r\ndelivered-TO: Bob@Example.org\r\nDelivered-To:\r\n \"a b\"@example.org\r\n\r\nDelivered-To: body@example.org\r\n"
	seen, err := deliver.DeliveredTo(mail.Bytes(text))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"bob@EXAMPLE.org": true, `"a b"@example.org`: true, "body@example.org": false, "": false,
	} {
		if seen.Has(address) != want {
			t.Errorf("Has(%q) = %v", address, !want)
		}
	}
	if r := deliver.Loop("b@x").Reply; r.Enhanced != "5.4.6" || r.Text != "mail forwarding loop for b@x" {
		t.Errorf("loop is %v", r)
	}
}

func TestDeliveredToOfACommonMessageIsFree(t *testing.T) {
	text := mail.Content(mail.Bytes("Received: x\r\nSubject: y\r\n\r\nbody"))
	if n := testing.AllocsPerRun(100, func() { _, _ = deliver.DeliveredTo(text) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheCauseNamesTheRule(t *testing.T) {
	at := deliver.Attempt{}
	if r := at.Failed(status.Reject("5.1.1", "no").By("virtual_mailbox_maps")); r.Cause == nil || r.Cause.Error() != "virtual_mailbox_maps" {
		t.Errorf("rule alone: %v", r.Cause)
	}
	if r := at.Failed(status.Reject("5.1.1", "no").By("maps").Because(errors.New("why"))); r.Cause.Error() != "maps: why" {
		t.Errorf("rule and cause: %v", r.Cause)
	}
}
