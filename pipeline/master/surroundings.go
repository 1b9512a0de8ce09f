package master

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	"github.com/mtad/mtad/core/notify"
	"github.com/mtad/mtad/core/ports"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/tlskeys"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/asuser"
)

// serving is the status of a daemon that serves, for the service manager.
const serving = "serving"

// surroundings are what a process has from the one that started it: a privileged parent or a service
// manager.
type surroundings struct {
	// parent is nil for a process that does everything with its own rights; users does things
	// with the rights of others by way of it.
	parent *privsep.Client
	users  *asuser.Users
	// ports and notifier are not used with a parent, who has them.
	ports    *ports.Set
	notifier *notify.Notifier
	// alive is how often the service manager wants to hear of us; 0: never.
	alive time.Duration
	// next begins an upgrade, where there is no parent; nil where nobody could do it.
	next func() error
}

// listen binds an address for a service, or takes the socket that somebody bound before.
func (s *surroundings) listen(service, address string) (net.Listener, error) {
	if s.parent != nil {
		return s.parent.Listen(service, "tcp", address)
	}
	return s.ports.Listen(service, "tcp", address)
}

// tell tells the service manager. That it is not told is no reason not to serve.
func (s *surroundings) tell(state privsep.State, status string) {
	if s.parent != nil {
		_ = s.parent.Notify(state, status)
		return
	}
	switch state {
	case privsep.Ready:
		s.notifier.Ready(status)
	case privsep.Reloading:
		s.notifier.Reloading()
	case privsep.Stopping:
		s.notifier.Stopping(status)
	case privsep.Alive:
		s.notifier.Alive()
	}
}

// watchdog ticks as often as the service manager wants to hear of us.
func (s *surroundings) watchdog() (<-chan time.Time, func()) {
	if s.alive <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(s.alive)
	return t.C, t.Stop
}

// reload has the parent read the configuration too.
func (s *surroundings) reload() error {
	if s.parent == nil {
		return nil
	}
	return s.parent.Reload()
}

// upgrade begins an upgrade.
func (s *surroundings) upgrade() error {
	switch {
	case s.parent != nil:
		return s.parent.Upgrade()
	case s.next != nil:
		return s.next()
	}
	return errors.New("this process cannot be replaced")
}

// pid is the process that the service manager and admins know.
func (s *surroundings) pid() int {
	if s.parent != nil {
		return os.Getppid()
	}
	return os.Getpid()
}

// runner runs commands with the rights of others, as far as this process can.
func (s *surroundings) runner() deliver.Runner {
	if s.users != nil {
		return s.users
	}
	return deliver.Self{}
}

// files reads files with the rights of others, as far as this process can.
func (s *surroundings) files() deliver.Files {
	if s.users != nil {
		return s.users
	}
	return deliver.Self{}
}

// keyPair loads a certificate and its key. With a parent the key stays there.
func (s *surroundings) keyPair(certFile, keyFile string) (tls.Certificate, error) {
	if s.parent == nil {
		return tlskeys.Pair(certFile, keyFile)
	}
	return s.parent.KeyPair(certFile, keyFile)
}

// keyChains loads the keys of files, each with its certificates. With a parent the keys stay there.
func (s *surroundings) keyChains(files []string) ([]tls.Certificate, error) {
	if s.parent != nil {
		return s.parent.KeyChains(files)
	}
	chains, err := tlskeys.Chains(files)
	return certificatesOf(chains), err
}

func certificatesOf(chains []tlskeys.Chain) (certs []tls.Certificate) {
	for _, c := range chains {
		certs = append(certs, c.Certificate)
	}
	return certs
}

// close ends what was begun for deliveries. The ports are the process's: they outlive a Master.
func (s *surroundings) close() {
	if s.users != nil {
		s.users.Close()
	}
}
