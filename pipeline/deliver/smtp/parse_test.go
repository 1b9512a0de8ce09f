package smtp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

func TestPoliciesHaveAttributesInBraces(t *testing.T) {
	level, got, err := smtp.ParsePolicy("Secure, match=a.test:b.test { policy_string = mode: enforce } {mx_host_pattern=*.test}")
	want := []string{"match=a.test:b.test", "policy_string=mode: enforce", "mx_host_pattern=*.test"}
	if err != nil || level != "secure" || !slices.Equal(got, want) {
		t.Errorf("got %s %q %v", level, got, err)
	}
}

// A policy is a level that there is and pairs, or an error.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{"encrypt", "secure match=a:b protocols=>=TLSv1.2", "dane-only { policy_string = x }", "verify {", "may =", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		level, attributes, err := smtp.ParsePolicy(entry)
		if err != nil {
			return
		}
		if !slices.Contains([]string{"none", "may", "encrypt", "fingerprint", "verify", "secure", "dane", "dane-only"}, level) {
			t.Errorf("%q: level %q", entry, level)
		}
		for _, a := range attributes {
			if name, value, ok := strings.Cut(a, "="); !ok || value == "" || name != strings.ToLower(name) || value != strings.TrimSpace(value) {
				t.Errorf("%q: attribute %q", entry, a)
			}
		}
	})
}

// RFC 2782: by priority, and of equals each is first as often as its weight says; those without weight are
// not forgotten.
func TestServersTakeTurnsByWeight(t *testing.T) {
	servers := []dns.SRV{{Host: "backup", Priority: 20, Port: 1}, {Host: "light", Priority: 10, Weight: 1, Port: 1}, {Host: "heavy", Priority: 10, Weight: 9, Port: 1}, {Host: "none", Priority: 10, Port: 1}}
	first := map[string]int{}
	for range 2000 {
		got := smtp.InTurn(servers)
		if len(got) != len(servers) || got[3].Host != "backup" {
			t.Fatalf("got %v", got)
		}
		seen := map[string]bool{}
		for _, s := range got {
			seen[s.Host] = true
		}
		if len(seen) != len(servers) {
			t.Fatalf("somebody stands twice: %v", got)
		}
		first[got[0].Host]++
	}
	if first["heavy"] < 1000 || first["light"] < 50 || first["light"] > 600 || servers[0].Host != "backup" {
		t.Errorf("first were %v", first)
	}
}
