package mastercf

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/lines"
)

// The columns before the command.
const (
	columnName = iota
	columnType
	columnPrivate
	columnUnprivileged
	columnChroot
	columnWakeup
	columnLimit
	columnCount
)

// columnNames are the names that postconf -F gives the columns.
var columnNames = [columnCount]string{"service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit"}

// Defaults are the defaults that do not stand in master(5) alone.
type Defaults struct {
	// Chroot is what "-" in the chroot column means: yes below compatibility level 1.
	Chroot bool
	// AnyProgram takes programs that are not known.
	AnyProgram bool
}

// Parse returns the services of data in order, and what is wrong with the other lines. file is
// for the problems.
func Parse(file string, data []byte, defaults Defaults) ([]Service, []*Problem) {
	var (
		services []Service
		problems []*Problem
	)
	for _, l := range lines.Read(data) {
		p := parser{line: &l, file: file, defaults: defaults}
		if s, ok := p.service(); ok {
			services = append(services, s)
		}
		problems = append(problems, p.problems...)
	}
	return services, problems
}

// parser reads one line.
type parser struct {
	line     *lines.Line
	file     string
	defaults Defaults
	s        Service
	problems []*Problem
	bad      bool
}

// refuse notes that the line cannot be used.
func (p *parser) refuse(offset int, format string, args ...any) {
	p.bad = true
	problem := &Problem{File: p.file, Line: p.line.Number(offset), Text: fmt.Sprintf(format, args...)}
	if p.s.Type != "" {
		problem.Service = p.s.String()
	}
	p.problems = append(p.problems, problem)
}

func (p *parser) service() (Service, bool) {
	p.s.File, p.s.Line = p.file, p.line.Number(0)
	if strings.IndexByte(p.line.Text, 0) >= 0 {
		p.refuse(0, "a null character")
		return p.s, false
	}
	tokens := tokenize(p.line.Text)
	if len(tokens) <= columnCount {
		p.refuse(0, "%d columns where master.cf has 8: service, type, private, unprivileged, chroot, wakeup, process limit, command", len(tokens))
		return p.s, false
	}
	for i := range p.s.columns {
		p.s.columns[i] = tokens[i].text
	}
	p.columns()
	p.program(tokens[columnCount])
	p.arguments(tokens[columnCount+1:])
	return p.s, !p.bad
}

// columns reads all columns but the command.
func (p *parser) columns() {
	s, c := &p.s, &p.s.columns
	s.Name = c[columnName]
	switch t := Type(c[columnType]); t {
	case Inet, Unix, UnixDgram, FIFO, Pass:
		s.Type = t
	default:
		p.refuse(0, "service type %q: inet, unix, unix-dgram, fifo or pass expected", c[columnType])
		return
	}
	s.Private = p.flag(columnPrivate, true)
	s.Unprivileged = p.flag(columnUnprivileged, true)
	s.Chroot = p.flag(columnChroot, p.defaults.Chroot)
	p.wakeup(c[columnWakeup])
	p.limit(c[columnLimit])
	if s.Type == Inet {
		p.address()
	} else if strings.HasPrefix(s.Name, "/") || strings.Contains("/"+s.Name+"/", "/../") {
		p.refuse(0, "service name %q: a path below queue_directory expected", s.Name)
	}
}

// flag reads a column of y, n or -.
func (p *parser) flag(column int, byDefault bool) bool {
	switch p.s.columns[column] {
	case "y":
		return true
	case "n":
		return false
	case "-":
		return byDefault
	}
	p.refuse(0, "invalid %s field %q: y, n or - expected", columnNames[column], p.s.columns[column])
	return false
}

func (p *parser) wakeup(field string) {
	number, onUse := strings.CutSuffix(field, "?")
	seconds, ok := count(number)
	if !ok && field != "-" {
		p.refuse(0, "invalid wakeup field %q: seconds, perhaps with a \"?\" behind, or - expected", field)
	}
	p.s.Wakeup, p.s.WakeupOnUse = time.Duration(seconds)*time.Second, onUse
}

func (p *parser) limit(field string) {
	p.s.Limit = DefaultLimit
	if field == "-" {
		return
	}
	n, ok := count(field)
	if !ok {
		p.refuse(0, "invalid process_limit field %q: a number or - expected", field)
	}
	p.s.Limit = n
}

// count reads a number that is not negative and fits 32 bits.
func count(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// address checks the name of a service of type inet.
func (p *parser) address() {
	if p.s.Private {
		p.refuse(0, "an inet service cannot be private: n expected in the third column")
	}
	host, port := p.s.HostPort()
	if n, err := strconv.ParseUint(port, 10, 64); port == "" || err == nil && n > 65535 {
		p.refuse(0, "service name %q: [HOST:]PORT expected", p.s.Name)
	}
	if strings.ContainsAny(host, "[]/") || host == "" && strings.Contains(p.s.Name, ":") {
		p.refuse(0, "service name %q: no host before the port", p.s.Name)
	}
}
