package audit

import (
	"os"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/tlskeys"
)

// certificates loads the keys that a view has for TLS, as a start does. What this user may not read is
// only doubtful: the daemon may be started by another.
func (a *auditor) certificates(c *conf.Config, s *mastercf.Service) {
	server := s == nil || s.Program == "smtpd"
	if server && (c.TLSLevel("smtpd") != "none" || c.Bool("smtpd_tls_wrappermode")) {
		a.pairs(c, s, "smtpd_tls", [][2]string{{"cert_file", "key_file"}, {"eccert_file", "eckey_file"}})
	}
	for _, prefix := range []string{"smtp", "lmtp"} {
		if (s == nil || s.Program == prefix) && c.TLSLevel(prefix) != "none" {
			a.pairs(c, s, prefix+"_tls", [][2]string{{"cert_file", "key_file"}})
			a.present(c, s, prefix+"_tls_CAfile")
			a.present(c, s, prefix+"_tls_CApath")
		}
	}
}

// pairs loads PREFIX_chain_files or, without them, the pairs of certificate and key.
func (a *auditor) pairs(c *conf.Config, s *mastercf.Service, prefix string, names [][2]string) {
	if files := c.List(prefix + "_chain_files"); len(files) > 0 {
		a.chains(c, s, prefix+"_chain_files", files)
		return
	}
	for _, n := range names {
		a.pair(c, s, prefix+"_"+n[0], c.String(prefix+"_"+n[0]), c.String(prefix+"_"+n[1]))
	}
}

// chains loads keys that are each followed by their certificates.
func (a *auditor) chains(c *conf.Config, s *mastercf.Service, name string, files []string) {
	if _, err := tlskeys.Chains(files); err != nil {
		a.file(c, s, name, strings.Join(files, ", "), err)
	}
}

func (a *auditor) pair(c *conf.Config, s *mastercf.Service, name, cert, key string) {
	if cert == "" || cert == "none" {
		return
	}
	if _, err := tlskeys.Pair(cert, key); err != nil {
		a.file(c, s, name, cert, err)
	}
}

// present looks whether a file or directory is there.
func (a *auditor) present(c *conf.Config, s *mastercf.Service, name string) {
	if path := c.String(name); path != "" {
		if _, err := os.Stat(path); err != nil {
			a.file(c, s, name, path, err)
		}
	}
}

// file reports a file that cannot be used.
func (a *auditor) file(c *conf.Config, s *mastercf.Service, name, path string, err error) {
	p, _ := param.Find(name)
	if p.Effect != param.Effective {
		return
	}
	v := value{a: a, c: c, p: p, raw: path, service: s}
	v.report(conf.Finding{Note: err.Error() + "; mtad goes on without it"})
}
