package parent

import (
	"os"
	"strings"
	"syscall"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/tlskeys"
)

// addServerNames notes the files of keys and certificates that the tables of tls_server_sni_maps name,
// where these have a text that only root could have written. What else such tables have is the worker's
// to read.
func (p *Policy) addServerNames(c *conf.Config) {
	for _, spec := range c.List("tls_server_sni_maps") {
		_, name, typed := strings.Cut(spec, ":")
		if !typed {
			name = spec
		}
		if !strings.HasPrefix(name, "/") || !rootsAlone(name) {
			continue
		}
		text, err := tlskeys.Read(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, word := range list.Split(line) {
				if strings.HasPrefix(word, "/") {
					p.certificates[word], p.keys[word] = true, true
				}
			}
		}
	}
}

// rootsAlone reports whether a file is one that nobody but root writes.
func rootsAlone(name string) bool {
	st, err := os.Stat(name)
	if err != nil || !st.Mode().IsRegular() || st.Mode()&0o022 != 0 {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && sys.Uid == 0
}
