package master

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/hook"
)

// hooksOf returns the plugins that are asked about a client.
type hooksOf func(ctx context.Context, client netip.Addr) (*hook.Set, *status.Error)

// clientHooks is what smtpd_milter_maps make of the usual plugins of a service.
func (g *generation) clientHooks(c *conf.Config, usual *hook.Set) (hooksOf, error) {
	maps, err := g.openMaps(c, "smtpd_milter_maps")
	if err != nil {
		return nil, err
	}
	if len(maps) == 0 || c.Has("receive_override_options", "no_milters") {
		return func(context.Context, netip.Addr) (*hook.Set, *status.Error) { return usual, nil }, nil
	}
	m := &milterMaps{g: g, c: c, maps: maps, usual: usual, made: map[string]*hook.Set{}}
	return m.hooks, nil
}

// milterMaps are the plugins by what smtpd_milter_maps say of a client. Safe for concurrent use.
type milterMaps struct {
	g     *generation
	c     *conf.Config
	maps  table.Maps
	usual *hook.Set

	mu   sync.Mutex
	made map[string]*hook.Set // by value of the table
}

// maxMilterLists is the most different values that the tables may have.
const maxMilterLists = 1000

var errManyLists = errors.New("the tables have too many different values")

// hooks asks the tables. When they cannot answer, the client is to come back: a filter that should
// have been asked is not left out.
func (m *milterMaps) hooks(ctx context.Context, client netip.Addr) (*hook.Set, *status.Error) {
	value, found, err := m.maps.Lookup(ctx, client.String())
	if err == nil && !found {
		return m.usual, nil
	}
	var set *hook.Set
	if err == nil {
		set, err = m.set(strings.TrimSpace(value))
	}
	if err != nil {
		m.g.m.logOf(m.c, "smtpd").Warning("smtpd_milter_maps: " + client.String() + ": " + err.Error())
		return nil, status.New(421, "4.3.0", "Server configuration problem - try again later").By("smtpd_milter_maps").Because(err)
	}
	return set, nil
}

// set returns the plugins with the milters that a value names.
func (m *milterMaps) set(value string) (*hook.Set, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if set, ok := m.made[value]; ok {
		return set, nil
	}
	if len(m.made) >= maxMilterLists {
		return nil, errManyLists
	}
	var milters []string
	if value != "DISABLE" {
		milters = list.Split(value)
	}
	set, err := m.g.hooksFor(m.c, "smtpd_milter_maps", milters)
	if err == nil {
		m.made[value] = set
	}
	return set, err
}
