package checks

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/table"
)

// Defaults of "body_checks_size_limit" and "line_length_limit", in bytes.
const (
	defaultSizeLimit = 51200
	defaultLine      = 2048
)

// options of the plugin, as its configuration names them.
type options struct {
	tables    [checks.NumClasses]table.Maps // "header_checks" …: tables, type:name
	sizeLimit int64                         // "body_checks_size_limit": bytes of each part that are looked at
	internal  []string                      // "internal": bounce, notify: our own mail is looked at as well
	line      int                           // "line_length_limit": longer lines are looked up in pieces
	flat      bool                          // "disable_mime_input_processing": yes: the body is one text
	nesting   int                           // "mime_nesting_limit": how deep parts are followed
	boundary  int                           // "mime_boundary_length_limit": bytes of a boundary that are compared
}

func readOptions(config map[string]string) (o options, err error) {
	known := map[string]bool{"default_database_type": true, "body_checks_size_limit": true, "line_length_limit": true, "internal": true,
		"disable_mime_input_processing": true, "mime_nesting_limit": true, "mime_boundary_length_limit": true}
	some := false
	to := table.Options{Default: config["default_database_type"]}
	for c := range checks.NumClasses {
		name := c.String()
		known[name] = true
		if o.tables[c], err = table.OpenMaps(list.Split(config[name]), to); err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
		some = some || len(o.tables[c]) > 0
	}
	for name := range config {
		if !known[name] {
			return o, fmt.Errorf("%s: there is no such setting", name)
		}
	}
	if !some {
		return o, errors.New("set header_checks, mime_header_checks, nested_header_checks or body_checks in [plugin.config]")
	}
	if o.sizeLimit, err = number(config, "body_checks_size_limit", defaultSizeLimit); err != nil {
		return o, err
	}
	o.internal = list.Split(config["internal"])
	o.flat = config["disable_mime_input_processing"] == "yes"
	n, err := number(config, "line_length_limit", defaultLine)
	o.line = int(min(max(n, 512), 32<<10))
	if err != nil {
		return o, err
	}
	nesting, err := number(config, "mime_nesting_limit", 0)
	if err != nil {
		return o, err
	}
	boundary, err := number(config, "mime_boundary_length_limit", 0)
	o.nesting, o.boundary = int(min(nesting, 10000)), int(min(boundary, 32<<10))
	return o, err
}

func number(config map[string]string, name string, def int64) (int64, error) {
	if config[name] == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(config[name], 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s = %q: want a number of bytes", name, config[name])
	}
	return n, nil
}

// close closes the tables.
func (o *options) close() error {
	var errs []error
	for _, m := range o.tables {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
