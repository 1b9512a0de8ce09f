package master_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Rows G01, G02: aliases are asked for by the name alone, in lower case, for local recipients only, table by
// table; the first that has the name counts. So it is with Postfix.
func TestAliasesAreFoundAsPostfixFindsThem(t *testing.T) {
	needOwner(t)
	p := preparePostfix(t, "[127.0.0.1]:9")
	d := newDaemon(t)
	d.reachable()
	tables := func(dir string) []string {
		for name, text := range map[string]string{"first": "twice: one@remote.test\nMixed: two@remote.test\nroot@here.test: never@remote.test\n",
			"second": "twice: never@remote.test\nonly: three@remote.test\nuser: four@remote.test\n"} {
			if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("postalias", "-c", p.etc, "hash:"+dir+"/"+name).CombinedOutput(); err != nil {
				t.Fatalf("postalias: %v: %s", err, out)
			}
		}
		return []string{"mydestination = here.test", "myorigin = here.test", "relay_domains = relay.test", "alias_maps = hash:" + dir + "/first, hash:" + dir + "/second",
			"recipient_delimiter = +", "transport_maps = inline:{{remote.test = discard:}, {relay.test = discard:}}"}
	}
	setIn(t, d.dir+"/main.cf", strings.Join(append(tables(d.dir), "mail_owner = postfix"), "\n")+"\n")
	d.run()
	p.runWith(t, "", tables(p.etc)...)
	front := *d
	front.addr = p.addr
	for recipient, want := range map[string]string{
		"twice@here.test":     "one@remote.test",
		"MIXED@here.test":     "two@remote.test",
		"mixed+ext@here.test": "two@remote.test",
		"only@here.test":      "three@remote.test",
		"user@relay.test":     "",
	} {
		front.post("a@sender.test", recipient, []byte("Subject: x\r\n\r\n"))
		d.post("a@sender.test", recipient, []byte("Subject: x\r\n\r\n"))
		for _, log := range []*logbook{p.log, d.log} {
			pattern := fmt.Sprintf(`to=<%s>, orig_to=<(?i:%s)>, relay=none, .*status=sent`, regexp.QuoteMeta(want), regexp.QuoteMeta(recipient))
			if want == "" {
				pattern = fmt.Sprintf(`to=<%s>, relay=none, .*status=sent`, regexp.QuoteMeta(recipient))
			}
			log.wait(t, pattern)
		}
	}
}
