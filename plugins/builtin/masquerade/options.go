package masquerade

import (
	"errors"
	"fmt"
	"os"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/table"
)

const defaultClasses = "envelope_sender header_sender header_recipient"

// read reads the options of the plugin, as its configuration names them; the names are Postfix's.
func (m *Module) read(config map[string]string) (err error) {
	for setting := range config {
		switch setting {
		case "masquerade_domains", "masquerade_classes", "masquerade_exceptions", "default_database_type":
		default:
			return fmt.Errorf("%s: there is no such setting", setting)
		}
	}
	if m.rule.Domains = list.Split(config["masquerade_domains"]); len(m.rule.Domains) == 0 {
		return errors.New("set masquerade_domains in [plugin.config], as masquerade_domains = \"example.com\"")
	}
	classes, set := config["masquerade_classes"]
	if !set {
		classes = defaultClasses
	}
	if m.classes, err = readdress.ParseClasses(list.Split(classes)); err != nil {
		return fmt.Errorf("masquerade_classes: %w", err)
	}
	items, err := list.Items(config["masquerade_exceptions"], os.ReadFile)
	if err != nil || len(items) == 0 {
		return err
	}
	l, err := domainlist.New(items, domainlist.None, func(spec string) (domainlist.Table, error) {
		t, err := table.Open(spec, table.Options{Default: config["default_database_type"]})
		if err == nil {
			m.tables = append(m.tables, t)
		}
		return t, err
	})
	if err != nil {
		return fmt.Errorf("masquerade_exceptions: %w", err)
	}
	m.rule.Exceptions = l
	return nil
}
