package conf

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/netlist"
	"github.com/mtad/mtad/core/conf/param"
)

// verify says what is wrong with the value of name, which p describes, nil if nothing is.
func (c *Config) verify(name string, p *param.Param) error {
	text, err := c.expandName(name)
	if err != nil {
		return err
	}
	if p.Old && text == "" {
		return nil
	}
	switch p.Type {
	case param.List:
		return verifyWords(p, text)
	case param.Match:
		_, err = c.items(name, p)
		return err
	case param.Networks:
		return c.verifyNetworks(name, p)
	case param.Domains:
		items, err := c.items(name, p)
		if err == nil {
			_, err = domainlist.New(items, domainlist.None, syntaxOnly)
		}
		return err
	}
	if err := c.verifySpecial(name); err != nil {
		return err
	}
	if err = p.Check(text, c.unit(p)); err == nil && p.Type == param.Code && text[0] == '3' {
		err = fmt.Errorf("%s is not the code of a reply: 2xx, 4xx or 5xx expected", text)
	}
	return err
}

// verifySpecial looks at what is special about a parameter.
func (c *Config) verifySpecial(name string) (err error) {
	switch name {
	case "compatibility_level":
		_, err = c.Expand("${{$compatibility_level} ==level {0}}")
	case "myorigin": // the first line of /file
		if raw, _, _ := c.Lookup(name); strings.HasPrefix(raw, "/") {
			_, err = c.firstLine(raw)
		}
	}
	return err
}

func verifyWords(p *param.Param, text string) error {
	for _, word := range list.Split(text) {
		if err := p.CheckElement(word); err != nil {
			return err
		}
	}
	return nil
}

// verifyNetworks reads a network list; of mynetworks that is not set, also why there is none.
func (c *Config) verifyNetworks(name string, p *param.Param) error {
	if name == "mynetworks" && !c.IsSet(name) {
		if _, err := c.networks(); err != nil {
			return err
		}
	}
	items, err := c.items(name, p)
	if err != nil {
		return err
	}
	_, err = netlist.New(items, domainlist.None, syntaxOnly)
	return err
}

// syntaxOnly stands for a table when only the list that names it is looked at.
func syntaxOnly(string) (domainlist.Table, error) { return noTable{}, nil }

// noTable has no keys.
type noTable struct{}

// Lookup finds nothing.
func (noTable) Lookup(context.Context, string) (string, bool, error) { return "", false, nil }
