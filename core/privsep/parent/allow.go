package parent

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/spawn"
)

// listen says whether a service may have a port.
func (p *Policy) listen(service, network, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || network != "tcp" {
		return refuse("%s %q is no address", network, address)
	}
	if a := p.c.String("admin_address"); a != "" && a == address {
		return nil
	}
	for _, s := range p.c.Services() {
		if s.Type != mastercf.Inet || s.Name != service {
			continue
		}
		wantHost, wantPort := s.HostPort()
		if number(wantPort) != port {
			continue
		}
		if wantHost == "" || strings.Trim(wantHost, "[]") == host || net.ParseIP(wantHost) == nil {
			return nil // without a host, and for a name: which address is not a matter of rights
		}
	}
	return refuse("master.cf has no service %s at %s", service, address)
}

// number resolves the name of a port; "" for what is none.
func number(name string) string {
	if _, err := strconv.ParseUint(name, 10, 16); err == nil {
		return name
	}
	n, err := net.LookupPort("tcp", name)
	if err != nil {
		return ""
	}
	return strconv.Itoa(n)
}

// maxTime bounds every command, whatever time limit the worker has for it.
const maxTime = 24 * time.Hour

// request is a command that the worker asks for.
type request struct {
	kind                        int64
	uid, gid                    int
	limit                       time.Duration
	service, account, directory string
	argv, env                   []string
}

// requestOf reads a Run.
func requestOf(m *privsep.Message) (*request, error) {
	n := m.Integers
	argc := n[4]
	if argc < 1 || argc > int64(len(m.Texts)-3) {
		return nil, refuse("a command without arguments")
	}
	r := &request{kind: n[0], uid: int(n[1]), gid: int(n[2]), limit: maxTime, service: m.Texts[0], account: m.Texts[1], directory: m.Texts[2],
		argv: m.Texts[3 : 3+argc], env: m.Texts[3+argc:]}
	if n[3] > 0 && n[3] < int64(maxTime/time.Second) {
		r.limit = time.Duration(n[3]) * time.Second
	}
	return r, nil
}

// The kinds of commands; deliver.Kind has the same.
const (
	byService = iota + 1
	byMailboxCommand
	byAlias
	byForward
	byInclude
)

// command says what may run of a request, and how.
func (p *Policy) command(r *request) (*spawn.Command, error) {
	if r.kind == byService {
		return p.serviceCommand(r)
	}
	if err := p.localCommand(r.kind); err != nil {
		return nil, err
	}
	rights, _, err := p.account(r.account, r.uid, r.gid)
	if err != nil {
		return nil, err
	}
	path, err := spawn.Find(r.argv[0])
	if err != nil {
		return nil, err
	}
	for _, pair := range r.env {
		if !assignment(pair) {
			return nil, refuse("%q is no environment variable", pair)
		}
	}
	if r.directory != "" && !filepath.IsAbs(r.directory) {
		return nil, refuse("%q is no absolute directory", r.directory)
	}
	return &spawn.Command{Path: path, Argv: r.argv, Env: r.env, Directory: r.directory, Rights: rights}, nil
}

// localCommand says whether local(8) may run commands of a kind.
func (p *Policy) localCommand(kind int64) error {
	if !p.local {
		return refuse("master.cf has no local service")
	}
	word := map[int64]string{byAlias: "alias", byForward: "forward", byInclude: "include"}[kind]
	switch {
	case word != "" && p.c.Has("allow_mail_to_commands", word):
		return nil
	case kind == byMailboxCommand && (p.c.String("mailbox_command") != "" || len(p.c.List("mailbox_command_maps")) > 0):
		return nil
	}
	return refuse("the configuration asks for no command of this kind (%d)", kind)
}

func assignment(pair string) bool {
	name, _, ok := strings.Cut(pair, "=")
	return ok && name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// serviceCommand is a command of master.cf: the worker says no more than which, and its arguments
// behind the literal ones.
func (p *Policy) serviceCommand(r *request) (*spawn.Command, error) {
	s := p.programs[r.service]
	if s == nil || len(s.argv) == 0 {
		return nil, refuse("master.cf has no command of the service %q", r.service)
	}
	if len(r.argv) < len(s.argv) || s.fixed && len(r.argv) > len(s.argv) || !slices.Equal(s.argv, r.argv[:len(s.argv)]) {
		return nil, refuse("the service %s has another command than %q", r.service, r.argv[0])
	}
	rights, err := accountOf(s.user)
	if err != nil {
		return nil, err
	}
	if s.group != "" {
		if rights.GID, err = groupOf(s.group); err != nil {
			return nil, err
		}
	}
	rights.Groups = []uint32{rights.GID}
	if err := p.forbidden(int(rights.UID), int(rights.GID)); err != nil {
		return nil, err
	}
	path, err := spawn.Find(s.argv[0])
	if err != nil {
		return nil, err
	}
	dir := s.directory
	if dir == "" && s.chroot != "" {
		dir = "/"
	} else if dir == "" {
		dir = p.c.String("queue_directory")
	}
	env := spawn.Environment(p.c.List("export_environment"), p.c.List("import_environment"), os.Environ(), p.c.Dir())
	return &spawn.Command{Path: path, Argv: r.argv, Env: env, Directory: dir, Chroot: s.chroot, Rights: rights}, nil
}

// deliverer says with which rights a deliverer may run, and where.
func (p *Policy) deliverer(place privsep.Place, account string, uid, gid int, directory string) (*spawn.Rights, error) {
	if !filepath.IsAbs(directory) || filepath.Clean(directory) != directory {
		return nil, refuse("%q is no clean absolute directory", directory)
	}
	if place == privsep.Virtual {
		return p.virtual(uid, gid, directory)
	}
	if !p.local {
		return nil, refuse("master.cf has no local service")
	}
	rights, u, err := p.account(account, uid, gid)
	if err != nil {
		return nil, err
	}
	switch place {
	case privsep.Home:
		if filepath.Clean(u.HomeDir) == directory && directory != "/" {
			return rights, nil
		}
	case privsep.Spool:
		if spool := p.c.String("mail_spool_directory"); filepath.IsAbs(spool) && filepath.Clean(spool) == directory {
			return rights, p.joinSpool(rights, directory)
		}
	case privsep.AnyFile:
		if len(p.c.List("allow_mail_to_files")) > 0 {
			return rights, nil
		}
	case privsep.Included:
		return rights, nil // what the account may read, with its rights
	}
	return nil, refuse("%s is not where mail of %s goes", directory, account)
}

func (p *Policy) virtual(uid, gid int, directory string) (*spawn.Rights, error) {
	base := p.c.String("virtual_mailbox_base")
	switch {
	case base == "" || filepath.Clean(base) != directory:
		return nil, refuse("%s is not virtual_mailbox_base", directory)
	case uid < p.c.Int("virtual_minimum_uid"):
		return nil, refuse("uid %d is below virtual_minimum_uid", uid)
	}
	if err := p.forbidden(uid, gid); err != nil {
		return nil, err
	}
	return &spawn.Rights{UID: uint32(uid), GID: uint32(gid), Groups: []uint32{uint32(gid)}}, nil
}

// joinSpool adds the group that may write the spool ("mail"), so that the mailbox and its lock can
// be made there.
func (p *Policy) joinSpool(r *spawn.Rights, directory string) error {
	st, err := os.Lstat(directory)
	if err != nil || !st.IsDir() {
		return &fs.PathError{Op: "enter", Path: directory, Err: syscall.ENOTDIR}
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if ok && st.Mode()&0o020 != 0 && p.forbidden(int(r.UID), int(sys.Gid)) == nil && !slices.Contains(r.Groups, sys.Gid) {
		r.Groups = append(r.Groups, sys.Gid)
	}
	return nil
}
