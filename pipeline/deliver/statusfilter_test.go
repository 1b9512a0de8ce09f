package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/queue"
)

// outcomes is an agent that gives these results.
type outcomes []queue.Result

func (o outcomes) Deliver(context.Context, *queue.Request) []queue.Result { return o }

// answers is a table of one answer, or an error.
type answers struct{ key, value string }

func (a answers) Lookup(_ context.Context, key string) (string, bool, error) {
	if a.value == "FAIL" {
		return "", false, errors.New("on fire")
	}
	return a.value, key == a.key, nil
}

func TestATableChangesWhatBecameOfARecipient(t *testing.T) {
	gone := queue.Result{Outcome: queue.Bounced, Reply: status.Reply{Code: 550, Enhanced: "5.1.1", Text: "who?"}}
	later := queue.Result{Outcome: queue.Deferred4, DeadSite: true, Reply: status.Reply{Code: 451, Enhanced: "4.4.1", Text: "no answer"}}
	sent := queue.Result{Outcome: queue.Sent, Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok"}}
	for _, c := range []struct {
		name, key, value string
		result           queue.Result
		want             string
		warned           bool
	}{
		{"a bounce becomes a deferral", "5.1.1 who?", "4.1.1 ask again", gone, "deferred 451 4.1.1 ask again", false},
		{"a deferral becomes a bounce", "4.4.1 no answer", "5.4.1 never", later, "bounced 554 5.4.1 never", false},
		{"a text is replaced", "2.0.0 Ok", "2.6.0 fine", sent, "sent 250 2.6.0 fine", false},
		{"another text stays", "5.1.1 whom?", "4.1.1 ask again", gone, "bounced 550 5.1.1 who?", false},
		{"what was not delivered does not become so", "5.1.1 who?", "2.0.0 ok", gone, "bounced 550 5.1.1 who?", true},
		{"what was delivered stays so", "2.0.0 Ok", "5.0.0 no", sent, "sent 250 2.0.0 Ok", true},
		{"an answer without code", "5.1.1 who?", "ask again", gone, "bounced 550 5.1.1 who?", true},
		{"an answer without text", "5.1.1 who?", "4.1.1", gone, "bounced 550 5.1.1 who?", true},
		{"an empty answer", "5.1.1 who?", "", gone, "bounced 550 5.1.1 who?", true},
		{"a table on fire", "5.1.1 who?", "FAIL", gone, "bounced 550 5.1.1 who?", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			warned := false
			f := deliver.StatusFilter{Agent: outcomes{c.result}, Maps: table.Maps{answers{c.key, c.value}}, Warn: func(string) { warned = true }}
			r := f.Deliver(t.Context(), &queue.Request{Recipients: make([]mail.Recipient, 1)})[0]
			if got := fmt.Sprintf("%s %d %s %s", r.Outcome, r.Reply.Code, r.Reply.Enhanced, r.Reply.Text); got != c.want || warned != c.warned {
				t.Errorf("got %s, warned %v; want %s, %v", got, warned, c.want, c.warned)
			}
			if r.Outcome == queue.Bounced && r.DeadSite {
				t.Error("a bounce counts as a dead site")
			}
		})
	}
}
