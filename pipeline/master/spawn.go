package master

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	corespawn "github.com/mtad/mtad/core/spawn"
	"github.com/mtad/mtad/pipeline/spawn"
)

// spawned are the ports and sockets of services that run a command for each connection, by
// "name/type address". They outlive generations as the ports of smtpd do, but come and go with a reload.
type spawned map[string]*port

// openSpawned opens what c has and s has not, and adds it to s. On error nothing was added.
func (m *Master) openSpawned(c *conf.Config, s spawned) (added spawned, err error) {
	added = spawned{}
	defer func() {
		if err != nil {
			added.close()
		}
	}()
	for _, service := range c.Services() {
		if service.Program != "spawn" {
			continue
		}
		addrs, err := m.spawnAddresses(c, service)
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			key := service.String() + " " + a
			if s[key] != nil {
				continue
			}
			l, err := m.listenSpawned(service, a)
			if err != nil {
				return nil, fmt.Errorf("service %s: %w", service.String(), err)
			}
			added[key] = &port{service: service, address: a, l: l}
		}
	}
	for key, p := range added {
		s[key] = p
	}
	return added, nil
}

// spawnAddresses are the addresses of a port, or the path of a socket.
func (m *Master) spawnAddresses(c *conf.Config, s mastercf.Service) ([]string, error) {
	switch s.Type {
	case mastercf.Inet:
		return listenAddresses(c.For(s), s)
	case mastercf.Unix:
		dir := m.places.public
		if s.Private {
			dir = m.places.private
		}
		path := filepath.Join(dir, s.Name)
		if filepath.Dir(path) != dir {
			return nil, fmt.Errorf("service %s: %q is no name of a socket", s.String(), s.Name)
		}
		return []string{path}, nil
	}
	return nil, fmt.Errorf("service %s: spawn listens at types inet and unix only", s.String())
}

// listenSpawned binds an address, or makes a socket. Who may use the socket is a matter of its directory,
// as in Postfix.
func (m *Master) listenSpawned(s mastercf.Service, address string) (net.Listener, error) {
	if s.Type == mastercf.Inet {
		return m.around.listen(s.Name, address)
	}
	if st, err := os.Lstat(address); err == nil {
		if st.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is in the way of the socket", address)
		}
		if err := os.Remove(address); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", address)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(address, 0o666); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (s spawned) close() {
	for _, p := range s {
		_ = p.l.Close()
	}
}

// keep closes what a generation does not use.
func (s spawned) keep(all []spawner) {
	used := map[*port]bool{}
	for _, one := range all {
		used[one.port] = true
	}
	for key, p := range s {
		if !used[p] {
			_ = p.l.Close()
			delete(s, key)
		}
	}
}

// spawner runs a command for each connection to a port.
type spawner struct {
	port   *port
	server *spawn.Server
	// service is what this generation's configuration says of it.
	service mastercf.Service
}

// buildSpawners makes the servers of the services with a command.
func (g *generation) buildSpawners() error {
	byService := map[string]spawner{}
	for _, s := range g.cfg.Services() {
		if s.Program != "spawn" {
			continue
		}
		server, err := g.newSpawner(g.cfg.For(s), s)
		if err != nil {
			return fmt.Errorf("service %s: %w", s.String(), err)
		}
		byService[s.String()] = spawner{server: server, service: s}
	}
	for _, p := range g.m.spawned {
		if s := byService[p.service.String()]; s.server != nil && g.reaches(p) {
			s.port = p
			g.spawners = append(g.spawners, s)
		}
	}
	return nil
}

// reaches reports whether this configuration has the address of a port.
func (g *generation) reaches(p *port) bool {
	for _, s := range g.cfg.Services() {
		if s.String() != p.service.String() {
			continue
		}
		addrs, err := g.m.spawnAddresses(g.cfg, s)
		for _, a := range addrs {
			if err == nil && g.m.spawned[s.String()+" "+a] == p {
				return true
			}
		}
	}
	return false
}

func (g *generation) newSpawner(c *conf.Config, s mastercf.Service) (*spawn.Server, error) {
	command, err := spawn.Parse(s.Args)
	if err != nil {
		return nil, err
	}
	o := spawn.Options{
		Command: command, Service: s.String(), Limit: c.Transport(s.Name).Duration("time_limit"), Processes: processLimit(c, s),
		Directory:   g.m.places.queue,
		Environment: corespawn.Environment(c.List("export_environment"), c.List("import_environment"), os.Environ(), c.Dir()),
		MailOwner:   c.String("mail_owner"), SetgidGroup: c.String("setgid_group"), Meter: g.m.loads.of(s.String()), Log: g.m.logOf(c, "spawn"),
	}
	if u := g.m.around.users; u != nil {
		o.Starter = u
	}
	server, err := spawn.New(o)
	if err != nil {
		return nil, err
	}
	if err := server.Ready(); err != nil {
		o.Log.Warning("clients of the service " + s.String() + " will be turned away: " + err.Error())
	}
	return server, nil
}

// startSpawners lets a generation serve the ports that have commands. The commands of the generation
// before go on until they end. They do not end with ctx, the order to end: sessions that finish still
// ask policy servers.
func (g *generation) startSpawners(ctx context.Context) {
	if len(g.spawners) > 0 {
		life, end := context.WithCancel(context.WithoutCancel(ctx))
		g.m.endCommands = append(g.m.endCommands, end)
		for _, s := range g.spawners {
			l := s.port.next()
			g.m.commands.Go(func() {
				if err := s.server.Serve(life, l); err != nil {
					g.m.log.Error("service " + s.port.service.String() + ": " + err.Error())
				}
			})
		}
	}
	g.m.spawned.keep(g.spawners)
}

// stopCommands ends the commands of spawn, when nobody is left to ask them.
func (m *Master) stopCommands() {
	m.spawned.close()
	for _, end := range m.endCommands {
		end()
	}
	m.commands.Wait()
}
