package mastercf

import (
	"strings"
	"time"
)

// Type is how clients reach a service.
type Type string

// The types of services.
const (
	Inet      Type = "inet"       // a TCP port
	Unix      Type = "unix"       // a stream socket in the file system
	UnixDgram Type = "unix-dgram" // a datagram socket
	FIFO      Type = "fifo"       // a named pipe; old configurations have it for pickup and qmgr
	Pass      Type = "pass"       // a socket that receives open connections
)

// DefaultLimit is the process limit of a service that leaves it to default_process_limit.
const DefaultLimit = -1

// Service is one line of master.cf. It is a value: nobody changes what its slices hold.
type Service struct {
	// Name is the address (inet), or the name of the socket below private/ or public/.
	Name string
	Type Type
	// Private is false for a service that users may reach; always false for inet.
	Private bool
	// Unprivileged says that the service runs as mail_owner.
	Unprivileged bool
	// Chroot says that the service sees queue_directory as its root directory.
	Chroot bool
	// Wakeup is how often the service is woken, 0 for never; with WakeupOnUse only after its
	// first use.
	Wakeup      time.Duration
	WakeupOnUse bool
	// Limit is how many clients the service has at a time; 0 for no limit, DefaultLimit for
	// default_process_limit.
	Limit int
	// Program is the name of the program (smtpd, smtp, pipe ...).
	Program string
	// Args are the arguments of the program but for -o, -v and -D, without braces.
	Args []string
	// Overrides are the -o settings in order; the last one of a name counts.
	Overrides []Override
	// Verbose counts the -v options; Debug says that there is a -D.
	Verbose int
	Debug   bool
	// File and Line say where the service is defined; File is "" for a built-in one.
	File string
	Line int

	// columns are the fields before the command, arguments what follows it, as written but for
	// the white space in braces.
	columns   [columnCount]string
	arguments []string
}

// Override is one `-o name=value`.
type Override struct {
	Name, Value string
	// Line is the number of the line it stands on.
	Line int
}

// String returns "name/type", as postconf names services.
func (s *Service) String() string { return s.Name + "/" + string(s.Type) }

// HostPort returns where a service of type inet listens. host is without brackets and "" when
// inet_interfaces decides; port is a number or a name of services(5).
func (s *Service) HostPort() (host, port string) {
	host, port = "", s.Name
	if i := strings.LastIndexByte(s.Name, ':'); i >= 0 {
		host, port = s.Name[:i], s.Name[i+1:]
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return host, port
}

// Path returns the path, below queue_directory, of the socket of a service that is not inet.
func (s *Service) Path() string {
	if s.Private {
		return "private/" + s.Name
	}
	return "public/" + s.Name
}

// Override returns the value that the service itself gives a parameter.
func (s *Service) Override(name string) (value string, ok bool) {
	for _, o := range s.Overrides {
		if o.Name == name {
			value, ok = o.Value, true
		}
	}
	return value, ok
}

// Unique returns the services that count: of several with the same name and type the last, in
// its place, and a warning for each that is dropped.
func Unique(all []Service) ([]Service, []*Problem) {
	last := make(map[string]int, len(all))
	for i := range all {
		last[all[i].String()] = i
	}
	var (
		unique   []Service
		problems []*Problem
	)
	for i := range all {
		s := &all[i]
		if winner := last[s.String()]; winner != i {
			problems = append(problems, &Problem{File: s.File, Line: s.Line, Warning: true, Service: s.String(),
				Text: "service " + s.String() + " is defined again on " + lineOf(&all[winner]) + ": this definition is not used"})
			continue
		}
		unique = append(unique, *s)
	}
	return unique, problems
}
