package mailbox_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// BenchmarkDeliver shows what a delivery of 4 KiB costs, its syncs included.
func BenchmarkDeliver(b *testing.B) {
	m := message("Subject: x\r\n\r\n" + strings.Repeat("a line of the usual length, more or less, as mail has it\r\n", 70))
	for _, name := range []string{"bob/", "bob"} {
		b.Run(map[bool]string{true: "maildir", false: "mbox"}[strings.HasSuffix(name, "/")], func(b *testing.B) {
			w := mailbox.New(mailbox.Options{Hostname: "mx.example.org", Locks: mailbox.DefaultLocks})
			p, err := mailbox.Below(b.TempDir(), name, mailbox.AnyOwner)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Deliver(context.Background(), p, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
