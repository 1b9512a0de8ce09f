package audit

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/pipeline/console"
)

// console looks whether the web console can be reached, by whom, and whether its accounts are fit.
func (a *auditor) console() {
	file, address := a.c.String("console_password_file"), a.c.String("admin_address")
	if file == "" {
		return
	}
	v := a.whole("console_password_file", file)
	if err := console.CheckFile(file); err != nil {
		v.report(conf.Finding{Note: err.Error() + ": nobody can log in", Bad: !errors.Is(err, fs.ErrPermission)})
	}
	if address == "" {
		v.report(conf.Finding{Note: "the console has no address: set admin_address (127.0.0.1:8025, for instance)", Bad: true})
		return
	}
	a.consoleHosts(address)
	a.consoleClients(address)
}

// whole is the value of a parameter for everything.
func (a *auditor) whole(name, raw string) *value {
	p, _ := param.Find(name)
	return &value{a: a, c: a.c, p: p, raw: raw}
}

// consoleHosts looks at the names that browsers may use: with a port, or in another form, they never
// compare equal; without that of admin_address the console refuses those who type it.
func (a *auditor) consoleHosts(address string) {
	hosts := a.c.List("console_hosts")
	v := a.whole("console_hosts", strings.Join(hosts, " "))
	for _, h := range hosts {
		bare := strings.TrimSuffix(strings.TrimPrefix(h, "["), "]")
		_, err := netip.ParseAddr(bare)
		switch {
		case err == nil && strings.Contains(bare, ":") && !strings.HasPrefix(h, "["):
			v.report(conf.Finding{Value: h, Note: "browsers send IPv6 addresses in brackets: [" + h + "]"})
		case strings.Contains(h, "/"):
			v.report(conf.Finding{Value: h, Note: "a host name is wanted, not the address of a page"})
		case err != nil && strings.Contains(h, ":"):
			v.report(conf.Finding{Value: h, Note: "ports are not compared: write the name without one"})
		}
	}
	host, _, err := net.SplitHostPort(address)
	ip, parseErr := netip.ParseAddr(host)
	if err != nil || host == "" || parseErr == nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		return
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if !slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		v.warn("lacks " + host + ", where admin_address is: the console refuses browsers that call it so")
	}
}

// consoleClients looks whether the address and the clients fit together.
func (a *auditor) consoleClients(address string) {
	clients := a.c.List("console_networks")
	v := a.whole("console_networks", strings.Join(clients, " "))
	if len(clients) == 0 {
		v.warn("empty: nobody may use the console")
	}
	for _, n := range clients {
		if p, err := netip.ParsePrefix(n); err == nil && p.Bits() == 0 {
			v.report(conf.Finding{Value: n, Note: "is the whole world; passwords alone keep it out"})
		}
	}
	host, _, err := net.SplitHostPort(address)
	if ip, parseErr := netip.ParseAddr(host); err == nil && host != "localhost" && (parseErr != nil || !ip.IsLoopback()) {
		a.whole("admin_address", address).warn("passwords and pages of the console cross the network as they are: listen on 127.0.0.1, and come by ssh -L or a proxy with TLS")
	}
}
