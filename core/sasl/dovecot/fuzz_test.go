package dovecot

import (
	"bufio"
	"strings"
	"testing"
)

// Whatever a server sends is read without panic, mechanisms are names that EHLO can show, and values
// survive the wire.
func FuzzProtocol(f *testing.F) {
	f.Add("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nDONE\nOK\t1\tuser=a\n")
	f.Add("VERSION\t2\t0\nDONE\n")
	f.Add("MECH\t\nMECH\nMECH\tA B\nDONE\nFAIL\t1\treason=\x01\nCONT\t-1\t=\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := bufio.NewReaderSize(strings.NewReader(text), maxLine)
		mechanisms, err := readGreeting(r)
		for _, m := range mechanisms {
			if err != nil || !mechanismName(m.Name) || strings.ToUpper(m.Name) != m.Name {
				t.Fatalf("mechanism %q, %v", m.Name, err)
			}
		}
		for {
			line, err := readLine(r)
			if err != nil {
				break
			}
			a, ok := parseAnswer(line)
			if ok && a.verb != "OK" && a.verb != "CONT" && a.verb != "FAIL" {
				t.Fatalf("answer %+v", a)
			}
			a.arg("user")
			a.temporary()
		}
		if e := escape(text); strings.ContainsAny(e, "\t\r\n\x00") || unescape(e) != text {
			t.Fatalf("%q is escaped as %q", text, e)
		}
	})
}
