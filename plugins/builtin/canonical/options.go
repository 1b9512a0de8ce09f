package canonical

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/table"
)

// options of the plugin, as its configuration names them; the names are Postfix's.
type options struct {
	all, sender, recipient maps // "canonical_maps", "canonical_classes" and their sisters
	site                   readdress.Site
	others                 []table.Table // of mydestination
	propagate              bool          // "propagate_unmatched_extensions" has canonical
}

// maps are tables and the places where they apply.
type maps struct {
	tables  table.Maps
	classes readdress.Classes
}

var known = map[string]bool{"canonical_maps": true, "canonical_classes": true, "sender_canonical_maps": true,
	"sender_canonical_classes": true, "recipient_canonical_maps": true, "recipient_canonical_classes": true,
	"propagate_unmatched_extensions": true, "recipient_delimiter": true, "myorigin": true, "mydomain": true,
	"mydestination": true, "default_database_type": true}

func readOptions(config map[string]string) (o options, err error) {
	for name := range config {
		if !known[name] {
			return o, fmt.Errorf("%s: there is no such setting", name)
		}
	}
	to := table.Options{Default: config["default_database_type"]}
	some := false
	for _, m := range []struct {
		name, classes string
		to            *maps
	}{
		{"canonical", "envelope_sender envelope_recipient header_sender header_recipient", &o.all},
		{"sender_canonical", "envelope_sender header_sender", &o.sender},
		{"recipient_canonical", "envelope_recipient header_recipient", &o.recipient},
	} {
		if m.to.tables, err = table.OpenMaps(list.Split(config[m.name+"_maps"]), to); err != nil {
			return o, fmt.Errorf("%s_maps: %w", m.name, err)
		}
		if s, set := config[m.name+"_classes"]; set {
			m.classes = s
		}
		if m.to.classes, err = readdress.ParseClasses(list.Split(m.classes)); err != nil {
			return o, fmt.Errorf("%s_classes: %w", m.name, err)
		}
		some = some || len(m.to.tables) > 0
	}
	if !some {
		return o, errors.New("set canonical_maps, sender_canonical_maps or recipient_canonical_maps in [plugin.config]")
	}
	o.propagate = true
	if s, set := config["propagate_unmatched_extensions"]; set {
		o.propagate = strings.Contains(" "+strings.Join(list.Split(s), " ")+" ", " canonical ")
	}
	return o, o.readSite(config, to)
}

// readSite reads what completes addresses, and whose bare user names are looked up.
func (o *options) readSite(config map[string]string, to table.Options) error {
	origin, parent := config["myorigin"], config["mydomain"]
	o.site = readdress.Site{Origin: origin, Delimiter: config["recipient_delimiter"]}
	o.site.Standard = func(a string) string { return complete(a, origin, parent) }
	items, err := list.Items(config["mydestination"], os.ReadFile)
	if err != nil {
		return fmt.Errorf("mydestination: %w", err)
	}
	if len(items) == 0 {
		return nil
	}
	l, err := domainlist.New(items, domainlist.None, func(spec string) (domainlist.Table, error) {
		t, err := table.Open(spec, to)
		if err == nil {
			o.others = append(o.others, t)
		}
		return t, err
	})
	if err != nil {
		return fmt.Errorf("mydestination: %w", err)
	}
	o.site.Own = func(ctx context.Context, domain string) (bool, error) { return l.Match(ctx, strings.ToLower(domain)) }
	return nil
}

// complete gives an address of a table the domain that it lacks.
func complete(a, origin, parent string) string {
	local, domain, ok := addr.Split(a)
	switch {
	case (!ok || domain == "") && origin != "":
		return local + "@" + origin
	case ok && parent != "" && domain != "" && domain[0] != '[' && strings.IndexByte(domain, '.') < 0:
		return a + "." + parent
	}
	return a
}

// close closes the tables.
func (o *options) close() error {
	return errors.Join(o.all.tables.Close(), o.sender.tables.Close(), o.recipient.tables.Close(), table.Maps(o.others).Close())
}
