package master_test

import (
	"crypto/tls"
	"fmt"
	"regexp"
	"strings"
)

var (
	idInLog     = regexp.MustCompile(`\b[0-9A-F]{10,12}\b`)
	receivedTLS = regexp.MustCompile(`(?s)\(using.*?\)\s+by `)
	loggedTLS   = `(\w+ TLS connection established from [^\n]*|NOQUEUE: abort: TLS from [^\n]*)\n`
	// What the TLS libraries choose by themselves, and the digest that Go's does not tell.
	chosenTLS = regexp.MustCompile(`TLS_\w+ \(\d+/\d+ bits\)`)
	digestTLS = regexp.MustCompile(` (?:server|client)-digest \w+`)
)

// sameTLS takes out of a description of a handshake what need not be equal.
func sameTLS(text string) string {
	text = digestTLS.ReplaceAllString(chosenTLS.ReplaceAllString(text, "CIPHER"), "")
	return strings.Join(strings.Fields(text), " ")
}

// secure has a session say STARTTLS and EHLO, and writes what became of it. It returns false when the
// session is over.
func (s *site) secure(b *strings.Builder, k *client, c diffCase, began int) bool {
	k.do("STARTTLS", "220")
	name, server, _ := strings.Cut(c.tls, "@")
	if name == "none" {
		name = ""
	}
	o := certs(k.t).config(name)
	o.ServerName = server
	if c.old {
		o.MaxVersion, o.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	}
	secret := tls.Client(k.c, o)
	if err := secret.Handshake(); err != nil {
		fmt.Fprintf(b, "  handshake: failed\n")
		return false
	}
	k.c, k.r = secret, newReader(secret)
	leaf := secret.ConnectionState().PeerCertificates[0]
	fmt.Fprintf(b, "  certificate: %s\n", leaf.Subject.CommonName)
	_, _ = k.c.Write([]byte("EHLO " + c.helo + "\r\n")) // what is wrong shows when it is read
	reply, err := k.read()
	if err == nil && !strings.HasPrefix(reply, "250") {
		fmt.Fprintf(b, "  EHLO: %s\n", reply)
	}
	fmt.Fprintf(b, "  log: %s\n", sameTLS(s.log.waitAfter(k.t, began, loggedTLS, nil)[1]))
	return err == nil && strings.HasPrefix(reply, "250")
}

// logged returns the lines of the log after a mark that match the pattern of the file.
func (s *site) logged(mark int) string {
	if s.pattern == "" {
		return ""
	}
	var b strings.Builder
	for _, line := range regexp.MustCompile(s.pattern).FindAllString(s.log.String()[mark:], -1) {
		line = strings.ReplaceAll(line, s.policy, "%POLICY%")
		fmt.Fprintf(&b, "  log: %s\n", idInLog.ReplaceAllString(line, "ID"))
	}
	return b.String()
}
