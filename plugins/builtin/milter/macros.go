package milter

import (
	"net"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// appendMacros appends those of the named macros that have a value now.
func (s *session) appendMacros(b []byte, st stage, tx sdk.Tx) []byte {
	for _, name := range s.macros[st] {
		v, ok := s.macro(bare(name), tx)
		if !ok {
			if v, ok = s.m.o.defaults[bare(name)]; !ok {
				continue
			}
		}
		b = appendText(appendText(b, name), v)
	}
	return b
}

// properties of the host that are macros as they are.
var properties = map[string]string{
	"i": "queue.id", "client_port": "client.port", "client_ptr": "client.reverse",
	"tls_version": "tls.version", "cipher": "tls.cipher", "cipher_bits": "tls.bits",
	"cert_subject": "tls.subject", "cert_issuer": "tls.issuer",
	"auth_type": "auth.method", "auth_authen": "auth.user", "auth_author": "auth.sender",
	"daemon_addr": "server.addr", "daemon_port": "server.port",
}

// macro returns the value of a macro (postfix's MILTER_README names them); ok is false when it has
// none now.
func (s *session) macro(name string, tx sdk.Tx) (v string, ok bool) {
	o := &s.m.o
	switch name {
	case "j":
		return o.hostname, true
	case "v":
		return o.macroV, o.macroV != ""
	case "daemon_name":
		return o.daemonName, true
	case "_":
		return s.clientName(tx) + " [" + s.clientAddr(tx) + "]", true
	case "client_addr":
		return s.clientAddr(tx), true
	case "client_name":
		return s.clientName(tx), true
	case "mail_addr":
		return tx.Sender(), s.inMail
	case "rcpt_addr":
		return s.rcpt, s.rcpt != ""
	}
	if p, known := properties[name]; known {
		v = tx.Property(p)
	}
	return v, v != ""
}

func (s *session) clientName(tx sdk.Tx) string {
	if !s.smtp {
		return "localhost"
	}
	if n := tx.ClientName(); n != "" {
		return n
	}
	return "unknown"
}

func (s *session) clientAddr(tx sdk.Tx) string {
	if !s.smtp {
		return "127.0.0.1"
	}
	return tx.ClientAddr()
}

// family is the letter of an address's family.
func family(addr string) byte {
	switch {
	case net.ParseIP(addr) == nil:
		return 'U'
	case strings.Contains(addr, ":"):
		return '6'
	}
	return '4'
}
