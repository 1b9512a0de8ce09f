package master_test

import (
	"strings"
	"testing"
)

// A satellite sends all its mail through a provider that wants a password (postfix-usage: the
// commonest use of a client's settings).
func TestASatelliteAuthenticatesToItsProvider(t *testing.T) {
	s := newSink(t, func(s *sink) {
		s.keywords = append(s.keywords, "AUTH PLAIN LOGIN")
		s.answer = func(command string) string {
			switch {
			case command == "AUTH PLAIN AGpvZQBzZWNyZXQ=": // \0joe\0secret
				return "235 2.7.0 welcome"
			case strings.HasPrefix(command, "AUTH"):
				return "535 5.7.8 wrong password"
			}
			return ""
		}
	})
	d := newDaemon(t, "relayhost = "+s.nexthop(), "smtp_sasl_auth_enable = yes",
		"smtp_sasl_password_maps = texthash:$config_directory/sasl_passwd",
		"smtp_sasl_security_options = noanonymous", "smtp_sasl_mechanism_filter = !login, plain",
		"smtp_sender_dependent_authentication = yes")
	d.write("sasl_passwd", s.nexthop()+" joe:secret\n@wrong.test joe:guess\n")
	d.run()
	d.post("a@sender.test", "b@far.test", []byte("Subject: x\r\n\r\n"))
	if got := s.wait(t, 1); got[0].from[:len("<a@sender.test>")] != "<a@sender.test>" || !strings.HasSuffix(got[0].from, " AUTH=<>") {
		t.Errorf("MAIL FROM:%s", got[0].from)
	}
	d.post("a@wrong.test", "b@far.test", []byte("Subject: x\r\n\r\n"))
	d.log.wait(t, `to=<b@far\.test>, .*dsn=4\.7\.8, status=deferred \(SASL authentication failed; server [^ ]+ said: 535 5\.7\.8 wrong password\)`)
}

func TestAuthenticationWithoutPasswordsIsAMistake(t *testing.T) {
	d := newDaemon(t, "smtp_sasl_auth_enable = yes")
	d.launch()
	if code := d.wait(); code == 0 {
		t.Error("it runs")
	}
	d.log.wait(t, `smtp_sasl_auth_enable = yes needs smtp_sasl_password_maps`)
}
