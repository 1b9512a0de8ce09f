package authverify

import (
	"strings"
	"testing"
)

func FuzzResults(f *testing.F) {
	for _, s := range []string{"mx.example; spf=pass", `(a (b) \) c) "mx.exa\"mple" 1; none`, "", "(", `"`, "v=DMARC1; p=reject; pct=50", "v = DMARC1 ;p=none;sp=x;;=;a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := claims(s); ok && id != strings.ToLower(id) {
			t.Fatalf("%q claims %q", s, id)
		}
		readRecord(s)
		line := format("mx.example", []result{{method: "spf", value: pass, reason: s, props: []prop{{"smtp.mailfrom", s}}}})
		if id, ok := claims(line); !ok || id != "mx.example" {
			t.Fatalf("%q is read as of %q", line, id)
		}
		if strings.ContainsAny(strings.ReplaceAll(line, "\n\t", ""), "\r\n\x00") {
			t.Fatalf("%q gets out of its field", line)
		}
	})
}
