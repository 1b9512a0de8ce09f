package smtpclient_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"sync"
	"testing"
	"time"
)

var testCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mx.test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func serverTLS(t *testing.T) *tls.Config {
	cert, err := testCertificate()
	if err != nil {
		t.Error(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

var clientTLS = &tls.Config{InsecureSkipVerify: true}

func TestSTARTTLSForgetsWhatWasOfferedBefore(t *testing.T) {
	c := greeted(t, "STARTTLS PIPELINING", `
		C: STARTTLS
		S: 220 go
		TLS
		C: EHLO me.test
		S: 250-mx.test
		S: 250 SIZE 5
		C: QUIT`)
	if err := c.StartTLS(clientTLS); err != nil {
		t.Fatal(err)
	}
	if c.Features().Ext != 0 {
		t.Error("features of the plaintext session survived")
	}
	if err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	state, ok := c.TLS()
	if f := c.Features(); !ok || state.Version != tls.VersionTLS13 || f.SizeLimit != 5 {
		t.Errorf("TLS %v %x, %+v", ok, state.Version, f)
	}
	c.Quit()
}

func TestSTARTTLSRefusedLeavesTheSessionAlone(t *testing.T) {
	c := greeted(t, "STARTTLS", `
		C: STARTTLS
		S: 454 4.7.0 TLS not available
		C: QUIT`)
	check(t, c.StartTLS(clientTLS), "smtpclient: STARTTLS: refused: 454 4.7.0 TLS not available")
	if !c.Usable() {
		t.Error("not usable")
	}
	c.Quit()
}

func TestPlaintextBehindTheReplyToSTARTTLSIsAnAttack(t *testing.T) {
	script := `
		C: STARTTLS
		S: 220 go\r\n250 injected
		CLOSE`
	c := greeted(t, "STARTTLS", script)
	check(t, c.StartTLS(clientTLS),
		"smtpclient: STARTTLS: TLS handshake failed: data behind the reply to STARTTLS")
	if c.Usable() {
		t.Error("still usable")
	}
}

func TestAFailedHandshakeIsTold(t *testing.T) {
	c := greeted(t, "STARTTLS", "C: STARTTLS\nS: 220 go\nC~ \x16\nS: hello, what?\nCLOSE")
	err := c.StartTLS(clientTLS)
	if err == nil || c.Usable() {
		t.Fatalf("err = %v, usable = %v", err, c.Usable())
	}
}
