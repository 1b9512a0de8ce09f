package master

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/console"
	"github.com/mtad/mtad/queue/qmgr"
)

// openConsole makes what the web console will show, if there shall be one, and returns what gets a copy
// of the log.
func (m *Master) openConsole(c *conf.Config) io.Writer {
	if c.String("console_password_file") == "" {
		return nil
	}
	m.rates, m.journal = console.NewRates(), console.NewJournal()
	return m.journal
}

// delivered counts what became of a recipient.
func (m *Master) delivered(d qmgr.Delivery) {
	m.counters.delivered(d)
	m.rates.Delivered(d.Outcome, d.Before, d.Queued, d.Setup, d.Conversing)
}

// noConsole is an error when a console is wanted and has no address: it would not be there, and nobody
// would know why.
func (m *Master) noConsole() error {
	if m.cfg.String("console_password_file") != "" {
		return errors.New("console_password_file: the console has no address: set admin_address (127.0.0.1:8025, for instance)")
	}
	return nil
}

// withConsole adds the web console to the admin page.
func (m *Master) withConsole(page http.Handler) http.Handler {
	if m.journal == nil {
		return page
	}
	c := console.New(console.Options{Settings: m.consoleSettings, Rates: m.rates, Journal: m.journal, Log: m.logOf(m.cfg, "console")}, backend{m})
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.Handle(console.Root, c)
	mux.Handle("GET /{$}", http.RedirectHandler(console.Root, http.StatusSeeOther))
	return mux
}

// consoleSettings are those of the configuration in force.
func (m *Master) consoleSettings() console.Settings {
	g := m.gen.Load()
	s := console.Settings{PasswordFile: g.cfg.String("console_password_file"), Client: g.consoleClient}
	for _, h := range g.cfg.List("console_hosts") {
		s.Hosts = append(s.Hosts, strings.ToLower(h))
	}
	return s
}

// openConsole reads who may use the console.
func (g *generation) openConsole() (err error) {
	if g.cfg.String("console_password_file") != "" {
		g.consoleNets, err = g.cfg.Networks("console_networks", g.opener(g.cfg))
	}
	return err
}

func (g *generation) consoleClient(ctx context.Context, client netip.Addr) (bool, error) {
	if g.consoleNets == nil || !client.IsValid() {
		return false, nil
	}
	return g.consoleNets.Match(ctx, client)
}
