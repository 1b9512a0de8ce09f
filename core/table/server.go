package table

import (
	"fmt"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/value"
	"github.com/mtad/mtad/core/table/ldaptable"
	"github.com/mtad/mtad/core/table/redistable"
	"github.com/mtad/mtad/core/table/remote"
	"github.com/mtad/mtad/core/table/sqltable"
)

// Tables that a server keeps. A constructor's nil pointer must not become a Table that is not nil,
// hence the explicit returns.

func openTCP(name string, _ Options) (Table, error) {
	t, err := remote.TCP(name)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func openSocketmap(name string, o Options) (Table, error) {
	most := int64(remote.MaxReply)
	if o.Parameter != nil {
		if text, ok := o.Parameter("socketmap_max_reply_size"); ok {
			var err error
			if most, err = value.Int(text, value.Range{Min: 1, Max: 1 << 30}); err != nil {
				return nil, fmt.Errorf("socketmap_max_reply_size: %w", err)
			}
		}
	}
	t, err := remote.Socketmap(name, int(most))
	if err != nil {
		return nil, err
	}
	return t, nil
}

func openSQL(kind string) opener {
	return func(name string, o Options) (Table, error) {
		t, err := sqltable.Open(kind, name, sqltable.Options{Parameter: o.Parameter, Open: o.forDomains(), Warn: o.Warn})
		if err != nil {
			return nil, err
		}
		return t, nil
	}
}

func openLDAP(name string, o Options) (Table, error) {
	t, err := ldaptable.Open(name, ldaptable.Options{Parameter: o.Parameter, Open: o.forDomains(), Warn: o.Warn})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func openRedis(name string, o Options) (Table, error) {
	t, err := redistable.Open(name, redistable.Options{Parameter: o.Parameter, Open: o.forDomains(), Warn: o.Warn})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// forDomains opens the tables that "domain" of a database's configuration names.
func (o Options) forDomains() domainlist.Opener {
	o.Aliases, o.NoSubstitution = false, false
	return func(spec string) (domainlist.Table, error) { return Open(spec, o) }
}
