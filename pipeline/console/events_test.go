package console

import "testing"

func TestALineOfTheLogIsTakenApart(t *testing.T) {
	for line, want := range map[string]event{
		"Nov 23 01:02:03 mail postfix/smtp[1]: 4F2: to=<a@b>, status=sent (250 ok)": {"Nov 23 01:02:03", "smtp", "to=<a@b>, status=sent (250 ok)", "k1"},
		"2026-11-23T01:02:03+01:00 mail postfix-in/lmtp[1]: 4F2: status=deferred":   {"2026-11-23T01:02:03+01:00", "lmtp", "status=deferred", "k2"},
		"Nov 23 01:02:03 mail postfix/a/smtpd[1]: 4F2: reject: RCPT from x":         {"Nov 23 01:02:03", "a/smtpd", "reject: RCPT from x", "k3"},
		"Nov 23 01:02:03 mail postfix/qmgr[1]: 4F2: removed":                        {"Nov 23 01:02:03", "qmgr", "removed", "k0"},
		"Nov 23 01:02:03 mail postfix/qmgr[1]: 4F2: from=<a>, status=expired, back": {"Nov 23 01:02:03", "qmgr", "from=<a>, status=expired, back", "k3"},
		`{"id":"4F2","text":"]: 4F2: x"}`:                                           {"", "", `{"id":"4F2","text":"]: 4F2: x"}`, "k0"},
		"]: 4F2: x":                                                                 {"", "", "]: 4F2: x", "k0"},
		"x]: 4F2: y":                                                                {"", "x", "y", "k0"},
		"":                                                                          {"", "", "", "k0"},
	} {
		if got := eventsOf("4F2", []string{line})[0]; got != want {
			t.Errorf("%q: %+v", line, got)
		}
	}
}
