package master_test

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
)

// policyServer answers policy questions by the name of the recipient or, where there is none, of the
// sender: "show.ATTRIBUTE" refuses with its value, so that what two servers ask can be compared.
func policyServer(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			group.Go(func() { answerPolicy(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return address
}

// answerPolicy serves one connection.
func answerPolicy(c net.Conn) {
	defer func() { _ = c.Close() }()
	r, q := bufio.NewReader(c), map[string]string{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "=")
		if ok {
			q[name] = value
			continue
		}
		action := policyAction(q)
		if action == "hang up" {
			return
		}
		if _, err := c.Write([]byte(action + "\n\n")); err != nil {
			return
		}
		q = map[string]string{}
	}
}

func policyAction(q map[string]string) string {
	who := q["recipient"]
	if who == "" {
		who = q["sender"]
	}
	name, _, _ := strings.Cut(who, "@")
	if attribute, ok := strings.CutPrefix(name, "show."); ok {
		if when, rest, ok := strings.Cut(attribute, "."); ok {
			if attribute = rest; q["protocol_state"] != when {
				return "action=DUNNO"
			}
		}
		return "action=REJECT " + attribute + "=[" + q[attribute] + "]"
	}
	switch name {
	case "reject":
		return "action=reject not you"
	case "later":
		return "action=DEFER_IF_PERMIT later"
	case "coded":
		return "action=451 4.7.9 wait"
	case "ok":
		return "action=OK"
	case "more":
		return "remark=hello\naction=REJECT with more\nother=x"
	case "added":
		return "action=PREPEND X-Added: by policy"
	case "gone":
		return "hang up"
	case "silent":
		return "remark=no action"
	case "restriction":
		return "action=reject_unauth_destination, defer"
	}
	return "action=DUNNO"
}
