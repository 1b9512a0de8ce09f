package audit

import (
	"crypto/tls"
	"os"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
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

// chains loads keys with their certificates: each file has both, or a key alone, whose certificates then are
// in the next file.
func (a *auditor) chains(c *conf.Config, s *mastercf.Service, name string, files []string) {
	for i := 0; i < len(files); i++ {
		_, err := tls.LoadX509KeyPair(files[i], files[i])
		if err != nil && i+1 < len(files) {
			if _, other := tls.LoadX509KeyPair(files[i+1], files[i]); other == nil {
				i++
				continue
			}
		}
		if err != nil {
			a.file(c, s, name, files[i], err)
		}
	}
}

func (a *auditor) pair(c *conf.Config, s *mastercf.Service, name, cert, key string) {
	if cert == "" || cert == "none" {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
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
