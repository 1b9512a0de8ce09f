package smtp_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

// tables opens a table for a class.
func tables(t *testing.T, c checks.Class, spec string) func(*smtp.Options) {
	t.Helper()
	maps, err := table.OpenMaps([]string{spec}, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = maps.Close() })
	return func(o *smtp.Options) {
		o.Checks.Maps[c], o.Checks.SizeLimit, o.Checks.Line = maps, 51200, 2048
	}
}

// What leaves is what the tables make of the message, and its size is what is announced.
func TestTablesChangeWhatLeaves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table")
	if err := os.WriteFile(file, []byte("/^Subject: (.*)/ REPLACE Subject: [x] $1\n/^Gone:/ IGNORE\n/^hello/ PREPEND before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const came = "Gone: 1\r\nSubject: folded\r\n text\r\n\r\nhello\r\n"
	for _, c := range []struct {
		class   checks.Class
		leaves  string
		another string
	}{
		{checks.Header, "Subject: [x] folded\r\n text\r\n\r\nhello\r\n", "a table for headers"},
		{checks.Body, "Gone: 1\r\nSubject: folded\r\n text\r\n\r\nbefore\r\nhello\r\n", "a table for bodies"},
		{checks.Nested, came, "a table for attached messages"},
	} {
		t.Run(c.another, func(t *testing.T) {
			w := newWorld(t)
			w.host("to.test", "192.0.2.1")
			size := len(c.leaves)
			w.server("192.0.2.1:25", hello("to.test", "PIPELINING", "SIZE_1000")+sends("MAIL FROM:<a@from.test> SIZE="+strconv.Itoa(size), c.leaves))
			expect(t, w.deliver(w.agent(tables(t, c.class, "pcre:"+file)), withText(request("x@to.test"), came)),
				`sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 taken)`)
		})
	}
}

// A table that cannot be asked is no "leave it as it is": the message waits.
func TestATableThatCannotBeAskedDefersTheMessage(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	w.server("192.0.2.1:25", hello("to.test", "PIPELINING"))
	results := w.deliver(w.agent(tables(t, checks.Header, "fail:maintenance")), request("x@to.test"))
	if got := shown(results); !strings.HasPrefix(got, "deferred 4.3.0 ") {
		t.Fatalf("got %s", got)
	}
	if results[0].Cause == nil || !strings.Contains(results[0].Cause.Error(), "smtp_header_checks") {
		t.Fatalf("the cause is %v", results[0].Cause)
	}
}
