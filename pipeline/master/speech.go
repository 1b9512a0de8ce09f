package master

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// speech sets what tables say about the dialogue with a client: what it is offered, what its commands
// are taken for, and what is added to refusals.
func (g *generation) speech(c *conf.Config, o *smtpd.Options, log *maillog.Service) error {
	var discard, commands, footers table.Maps
	if err := g.openAll(c, map[string]*table.Maps{
		"smtpd_discard_ehlo_keyword_address_maps": &discard,
		"smtpd_command_filter":                    &commands, "smtpd_reject_footer_maps": &footers,
	}); err != nil {
		return err
	}
	if len(discard) > 0 {
		o.Discard = func(client netip.Addr) ([]string, bool) {
			v, ok, err := discard.Lookup(g0, client.String())
			if err != nil {
				log.Warning("smtpd_discard_ehlo_keyword_address_maps: " + err.Error())
			}
			return list.Split(v), ok
		}
	}
	if len(commands) > 0 {
		o.CommandFilter = func(line string) (string, bool, error) { return commands.Lookup(g0, line) }
	}
	footer := c.String("smtpd_reject_footer")
	if len(footers) > 0 || footer != "" {
		o.Footer = func(reply string) string {
			v, ok, err := footers.Lookup(g0, reply)
			switch {
			case err != nil:
				log.Warning("smtpd_reject_footer_maps: " + err.Error())
			case ok:
				return v
			}
			return footer
		}
	}
	return nil
}

// forbidden reads a parameter like smtpd_forbidden_commands: names, and tables of them. A table that cannot
// be asked forbids nothing: it is there to turn away noise.
func (g *generation) forbidden(c *conf.Config, parameter string, log *maillog.Service) (func(string) bool, error) {
	names := map[string]bool{}
	var tables []table.Table
	for _, w := range c.List(parameter) {
		if !strings.Contains(w, ":") {
			names[strings.ToUpper(w)] = true
			continue
		}
		t, err := table.Open(w, g.tableOptions(c))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", parameter, err)
		}
		tables = append(tables, t)
	}
	return func(verb string) bool {
		if names[verb] {
			return true
		}
		for _, t := range tables {
			key := verb
			if w, ok := t.(interface{ WholeKey() bool }); !ok || !w.WholeKey() {
				key = strings.ToLower(verb)
			}
			_, found, err := t.Lookup(g0, key)
			if err != nil {
				log.Warning(parameter + ": " + err.Error())
			}
			if found {
				return true
			}
		}
		return false
	}, nil
}

// expansion reads smtpd_expansion_filter: bytes, with the escapes of C.
func expansion(filter string) string {
	var b strings.Builder
	for i := 0; i < len(filter); i++ {
		if filter[i] != '\\' || i+1 == len(filter) {
			b.WriteByte(filter[i])
			continue
		}
		i++
		n := 0
		for n < 3 && i+n < len(filter) && filter[i+n] >= '0' && filter[i+n] <= '7' {
			n++
		}
		if n > 0 {
			v, _ := strconv.ParseUint(filter[i:i+n], 8, 16)
			b.WriteByte(byte(v))
			i += n - 1
			continue
		}
		if k := strings.IndexByte("abfnrtv", filter[i]); k >= 0 {
			b.WriteByte("\a\b\f\n\r\t\v"[k])
			continue
		}
		b.WriteByte(filter[i])
	}
	return b.String()
}
