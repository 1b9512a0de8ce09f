package mtad

import (
	"go/ast"
	"strconv"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/param"
)

// throughDefaults are parameters that act in the defaults of others only.
var throughDefaults = strings.Fields(`compatibility_level mail_version multi_instance_name process_name service_name stress
	fallback_relay smtpd_client_connection_limit_exceptions config_directory reject_tempfail_action virtual_maps authorized_verp_clients smtpd_per_record_deadline`)

// A parameter that is called effective is read by the program: by its name, or by the part of it
// that smtp and lmtp, or all transports, have in common.
func TestEffectiveParametersAreRead(t *testing.T) {
	literals := map[string]bool{}
	for pkg, files := range sources(t) {
		if below(pkg, "core/conf/param") {
			continue
		}
		for name, f := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok {
					if s, err := strconv.Unquote(l.Value); err == nil {
						literals[s] = true
					}
				}
				return true
			})
		}
	}
	for _, n := range throughDefaults {
		literals[n] = true
	}
	for _, name := range param.EffectiveNames() {
		if !readIn(literals, name) {
			t.Errorf("%s is called effective, and nothing reads it", name)
		}
	}
}

func readIn(literals map[string]bool, name string) bool {
	if literals[name] {
		return true
	}
	for _, prefix := range []string{"smtp", "lmtp", "smtpd", "default", "local", "relay", "virtual", "smtp_tls", "lmtp_tls", "smtpd_tls", "smtpd_policy_service"} {
		if rest, ok := strings.CutPrefix(name, prefix+"_"); ok && (literals["_"+rest] || literals[rest]) {
			return true
		}
	}
	return literals[strings.TrimPrefix(name, "~")]
}
