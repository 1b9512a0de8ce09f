package hook

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm"
)

// wordFilter loads a small filter in C (plugins/wasm/testdata/words.c) with 20 words.
func wordFilter(b testing.TB) Plugin { return wordFilterOf(b, false) }

// wordFilterOf is wordFilter; with keep its memory is not reset between calls.
func wordFilterOf(b testing.TB, keep bool) Plugin {
	b.Helper()
	code, err := os.ReadFile("../../plugins/wasm/testdata/words.wasm")
	if err != nil {
		b.Fatal(err)
	}
	config := map[string]string{"words": "viagra casino lottery jackpot refinance mortgage unsubscribe winner bitcoin " +
		"inheritance prince pharmacy replica rolex weightloss guarantee millionaire wiretransfer clickhere urgent"}
	m, err := wasm.Load(context.Background(), code, wasm.Options{Name: "words", Config: config, Keep: keep})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close(context.Background()) })
	return Plugin{Module: m, Config: config}
}

// The promise: a small filter in C on a message of 4 KiB with 15 fields, with reset and limits, in
// at most 25 µs and 8 allocations.
func BenchmarkWordFilter(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			var head strings.Builder
			for i := range 14 {
				fmt.Fprintf(&head, "X-Field-%d: a value of usual length for a field\r\n", i)
			}
			head.WriteString("Subject: an ordinary subject\r\n")
			line := "The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
			rest := mail.Bytes("\r\n" + strings.Repeat(line, (size-head.Len())/len(line)))
			benchmarkEOM(b, wordFilter(b), mail.ParseHeader([]byte(head.String())), rest)
		})
	}
}

// The promise: a rcpt hook in at most 5 µs, reset included, and in at most 1 µs without.
func BenchmarkRcpt(b *testing.B) {
	for name, keep := range map[string]bool{"reset": false, "keep": true} {
		b.Run(name, func(b *testing.B) {
			origin := mail.Origin{Kind: mail.KindSMTP}
			m := NewSet([]Plugin{wordFilterOf(b, keep)}, Options{}).Session(&origin).Begin(&mail.Envelope{})
			r := &mail.Recipient{Address: "somebody@rcpt.example"}
			b.ReportAllocs()
			for b.Loop() {
				if e := m.Rcpt(context.Background(), r); e != nil {
					b.Fatal(e)
				}
			}
		})
	}
}

// The filter that is measured does what it is for.
func TestTheMeasuredFilterFilters(t *testing.T) {
	p := wordFilter(t)
	for _, c := range []struct {
		name, body string
		code       int
	}{
		{"a clean message", "hello", 0}, {"a word in any case", "buy ViAgRa now", 550}, {"a word across a seam", strings.Repeat("x", 8190) + "casino", 550},
		{"a word at the end of a long body", strings.Repeat("xyz ", 20_000) + "rolex", 550},
	} {
		origin := mail.Origin{Kind: mail.KindSMTP}
		p.Time = time.Minute
		m := NewSet([]Plugin{p}, Options{}).Session(&origin).Begin(&mail.Envelope{})
		e := m.EOM(context.Background(), Text{Header: mail.ParseHeader([]byte("Subject: x\r\n")), Rest: mail.Bytes("\r\n" + c.body), BodyOff: 2})
		if codeOf(e) != c.code {
			t.Errorf("%s: %v", c.name, e)
		}
	}
}

func benchmarkEOM(b *testing.B, p Plugin, head *mail.Header, rest mail.Bytes) {
	origin := mail.Origin{Kind: mail.KindSMTP}
	ss := NewSet([]Plugin{p}, Options{}).Session(&origin)
	env := &mail.Envelope{ID: "x", Recipients: []mail.Recipient{{Address: "a@b"}}}
	b.ReportAllocs()
	for b.Loop() {
		m := ss.Begin(env)
		if e := m.EOM(context.Background(), Text{Header: head, Rest: rest, BodyOff: 2}); e != nil {
			b.Fatal(e)
		}
	}
}

// scanner is a filter that leaves the work to the host.
type scanner struct{}

func (s scanner) EOM(tx sdk.Tx) sdk.Verdict {
	if word, err := tx.Words("set", sdk.TextMessage); word != "" || err != nil {
		return sdk.Reject("5.7.1", fmt.Sprintf("found %q, %v", word, err))
	}
	return sdk.Continue
}

// The promise: 200 patterns that never match, through the scan service, in at most 0.10 ms.
func BenchmarkScan200Words(b *testing.B) {
	var set strings.Builder
	for i := range 200 {
		fmt.Fprintf(&set, "never%dseen\n", i)
	}
	p := with("scan", scanner{}, sdk.CapScan)
	p.Config = map[string]string{"set": set.String()}
	benchmarkEOM(b, p, mail.ParseHeader([]byte("Subject: x\r\n")), mail.Bytes("\r\n"+strings.Repeat("The quick brown fox jumps over it all.\r\n", 100)))
}
