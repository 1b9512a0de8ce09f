package process_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
)

// small looks at the recipient, and at the subject and the body of the message.
type small struct{}

func (small) Rcpt(tx sdk.Tx) sdk.Verdict {
	if strings.HasPrefix(tx.Rcpt(), "spamtrap@") {
		return sdk.Reject("5.7.1", "no")
	}
	return sdk.Continue
}

func (small) EOM(tx sdk.Tx) sdk.Verdict {
	if strings.Contains(tx.Header("Subject"), "lottery") {
		return sdk.Reject("5.7.1", "no")
	}
	b, err := io.ReadAll(tx.Body())
	if err != nil || strings.Contains(string(b), "lottery") {
		return sdk.Reject("5.7.1", "no")
	}
	return sdk.Continue
}

func filter(b testing.TB) *hook.Set {
	m := load(b, plugin(b, "small"))
	return hook.NewSet([]hook.Plugin{{Module: m, Time: 10 * time.Second}}, hook.Options{})
}

// One round trip.
func BenchmarkRcpt(b *testing.B) {
	origin := mail.Origin{Kind: mail.KindSMTP}
	m := filter(b).Session(&origin).Begin(&mail.Envelope{})
	r := &mail.Recipient{Address: "somebody@rcpt.example"}
	b.ReportAllocs()
	for b.Loop() {
		if e := m.Rcpt(context.Background(), r); e != nil {
			b.Fatal(e)
		}
	}
}

// One round trip with the header and the body.
func BenchmarkEOM(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			set := filter(b)
			origin := mail.Origin{Kind: mail.KindSMTP}
			head := mail.ParseHeader([]byte(strings.Repeat("X-Field: a value of usual length for a field\r\n", 14) + "Subject: an ordinary subject\r\n"))
			line := "The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
			rest := mail.Bytes("\r\n" + strings.Repeat(line, (size-head.Size())/len(line)))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				m := set.Session(&origin).Begin(&mail.Envelope{ID: "ID", Sender: "a@sender.example"})
				if e := m.EOM(context.Background(), hook.Text{Header: head, Rest: rest, BodyOff: 2}); e != nil {
					b.Fatal(e)
				}
			}
		})
	}
}

// The start of a process, until it can be asked.
func BenchmarkStart(b *testing.B) {
	o := plugin(b, "small")
	o.Log = nil
	for b.Loop() {
		m, err := process.Load(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		shut(b, m)
	}
}
