package ldaptable

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// What is taken for a URI can be searched for: its filter compiles, its scope is one.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"ldap:///dc=example,dc=org?mail?sub?(sn=A)", "ldap://h", "LDAPS://h/b?a,b", "ldapi://%2Frun/x????", "ldap:///%zz", "cn=a,dc=b", "ldap:///b??tree", "ldap:///b???sn=*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isURI(s) {
			return
		}
		u, err := parseURI(s)
		if err != nil {
			return
		}
		if _, err := ldap.CompileFilter(u.filter); err != nil || u.scope < 0 || u.scope > 2 {
			t.Errorf("%q: %+v: %v", s, u, err)
		}
		for _, a := range u.attributes {
			if a == "" || strings.ContainsAny(a, ", ") {
				t.Errorf("%q: attribute %q", s, a)
			}
		}
	})
}
