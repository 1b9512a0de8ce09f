package conf

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/param"
)

// Status is what mtad does with something that is set.
type Status string

// The states.
const (
	StatusEffective   Status = Status(param.Effective)
	StatusAccepted    Status = Status(param.Accepted)
	StatusUnsupported Status = Status(param.Unsupported)
	StatusUnknown     Status = "unknown"
)

// Finding is what Check has to say about one thing that is set.
type Finding struct {
	// Parameter is a name, "NAME/TYPE" for a service or "plugin NAME" for a plugin; "" when a
	// line cannot be read at all.
	Parameter string `json:"parameter"`
	// Value is the value as it is written.
	Value  string `json:"value"`
	Status Status `json:"status"`
	// Note says what the parameter does, why it has no effect, what to use instead, what is
	// wrong, or which name may be meant.
	Note string `json:"note"`
	// File and Line say where; Line is 0 for the environment and the command line.
	File string `json:"file"`
	Line int    `json:"line"`
	// Service is the "NAME/TYPE" of the service whose -o it is.
	Service string `json:"service,omitempty"`
	// Bad says that the value cannot be used: Load refuses the configuration. A bad value of a
	// parameter without effect is only doubtful.
	Bad bool `json:"bad,omitempty"`
	// Warn says that someone should look although nothing is bad.
	Warn bool `json:"warn,omitempty"`
}

// String returns the finding as one line for a log: "FILE:LINE: PARAMETER: NOTE".
func (f Finding) String() string {
	var parts []string
	if f.File != "" {
		parts = append(parts, Origin{File: f.File, Line: f.Line}.String())
	}
	if f.Service != "" {
		parts = append(parts, "service "+f.Service)
	}
	if f.Parameter != "" && f.Status != "" { // what is wrong with a line names what it is about
		name := f.Parameter
		if f.Status == StatusUnsupported || f.Status == StatusUnknown {
			name = string(f.Status) + " " + name
		}
		parts = append(parts, name)
	}
	return strings.Join(append(parts, f.Note), ": ")
}

// Notable reports whether a start should say it: it is bad, unknown, unsupported or doubtful.
func (f Finding) Notable() bool {
	return f.Bad || f.Warn || f.Status == StatusUnknown || f.Status == StatusUnsupported
}

// Warnings returns what a start should log: everything bad, unknown, unsupported or doubtful, one
// line each, in the order of Check.
func (c *Config) Warnings() []string {
	var lines []string
	for _, f := range c.Check() {
		if f.Notable() {
			lines = append(lines, f.String())
		}
	}
	return lines
}

// Validate returns an error with one line for everything that is bad, nil if nothing is.
func (c *Config) Validate() error {
	var all []error
	for _, f := range c.Check() {
		if f.Bad {
			all = append(all, errors.New(f.String()))
		}
	}
	return errors.Join(all...)
}

// bad makes f a finding about a value that cannot be used.
func (f *Finding) bad(err error) {
	f.Bad = f.Status == StatusEffective
	f.Warn = true
	note := fmt.Sprintf("bad value: %v", err)
	if !f.Bad && f.Note != "" {
		note += "; " + f.Note
	}
	f.Note = note
}
