package canonical

import (
	"context"

	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
)

// Module is the three maps. Safe for concurrent use.
type Module struct {
	name string
	o    options
}

var _ sdk.Module = (*Module)(nil)

// New opens the tables of the configuration (README.md).
func New(name string, config map[string]string, _ func(line string)) (sdk.Module, error) {
	o, err := readOptions(config)
	if err != nil {
		_ = o.close() // the reason is what was wrong before
		return nil, err
	}
	return &Module{name: name, o: o}, nil
}

// Manifest says that the plugin is asked about addresses.
func (m *Module) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: m.name, Kind: "builtin", Hooks: sdk.Points(0).With(sdk.PointRewrite)}
}

// Close closes the tables.
func (m *Module) Close(context.Context) error { return m.o.close() }

// Call maps one address: by the map of its kind first, then by the one for all.
func (m *Module) Call(ctx context.Context, _ sdk.Point, h sdk.Host) (sdk.Action, error) {
	tx := sdk.Tx{Host: h}
	class, err := readdress.ParseClasses([]string{tx.RewriteClass()})
	if err != nil {
		return sdk.ActContinue, err
	}
	own := &m.o.sender
	if class&(readdress.EnvelopeRecipient|readdress.HeaderRecipient) != 0 {
		own = &m.o.recipient
	}
	address := tx.RewriteAddr()
	for _, c := range []*maps{own, &m.o.all} {
		if c.classes&class == 0 {
			continue
		}
		if address, err = m.o.site.Canonical(ctx, c.tables, address, m.o.propagate); err != nil {
			return sdk.Answer(h, Tempfail(tx, err)), nil
		}
	}
	return sdk.Answer(h, Answer(tx, address)), nil
}

// Tempfail is the verdict when an address cannot be rewritten now.
func Tempfail(tx sdk.Tx, err error) sdk.Verdict {
	e := status.From(err)
	tx.Log(sdk.LevelWarn, "<"+tx.RewriteAddr()+">: "+err.Error())
	return sdk.Tempfail(e.Reply.Enhanced, e.Reply.Text)
}

// Answer is the verdict for an address: one that does not change, or that could not stand in a
// header or envelope, is left as it is.
func Answer(tx sdk.Tx, address string) sdk.Verdict {
	if address == tx.RewriteAddr() || !readdress.Usable(address) {
		return sdk.Continue
	}
	return sdk.FoundAddr(address)
}
