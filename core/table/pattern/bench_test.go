package pattern

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// message returns the headers and the body lines of a message of about 4 KiB.
func message() []string {
	keys := []string{
		"Return-Path: <alice@example.org>",
		"Received: from mail.example.org (mail.example.org [192.0.2.1])\n by mx.example.com (mtad) with ESMTPS id 4ABC\n for <bob@example.com>; Mon, 2 Nov 2026 10:00:00 +0000 (UTC)",
		"Date: Mon, 2 Nov 2026 10:00:00 +0000", "From: Alice <alice@example.org>", "To: Bob <bob@example.com>",
		"Subject: minutes of the meeting of last week", "Message-Id: <20261102100000.1234@example.org>",
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
	}
	for i := range 48 {
		keys = append(keys, fmt.Sprintf("%d The quick brown fox jumps over the lazy dog and then goes home again.", i))
	}
	return keys
}

func rules(form string) string {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, form+" REJECT %d\n", i, i)
	}
	return b.String()
}

// One iteration is one message of 4 KiB, header by header and line by line, against 200 rules none
// of which matches. The goal is 100 µs.
func BenchmarkMessageAgainst200Rules(b *testing.B) {
	for _, c := range []struct {
		name    string
		dialect Dialect
		form    string
	}{
		{"pcre, subject words", Perl, `/^Subject:.*\bspam-word-%d\b/`},
		{"pcre, words", Perl, `/(buy|get)\s+cheap pills%d/`},
		{"pcre, assertions", Perl, `/^(?!X-)[^:]+: .*evil%d\.example/`},
		{"regexp, words", POSIX, `/[[:space:]]casino%d/`},
	} {
		b.Run(c.name, func(b *testing.B) {
			tb := open(b, c.dialect, rules(c.form))
			keys := message()
			b.ReportAllocs()
			for b.Loop() {
				for _, k := range keys {
					if _, ok, err := tb.Lookup(context.Background(), k); ok || err != nil {
						b.Fatal(ok, err)
					}
				}
			}
		})
	}
}
