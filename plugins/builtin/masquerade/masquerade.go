package masquerade

import (
	"context"
	"errors"

	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/plugins/builtin/canonical"
	"github.com/mtad/mtad/plugins/sdk"
)

// Module masquerades. Safe for concurrent use.
type Module struct {
	name    string
	rule    readdress.Masquerade // "masquerade_domains", "masquerade_exceptions"
	classes readdress.Classes    // "masquerade_classes"
	tables  table.Maps           // of the exceptions
}

var _ sdk.Module = (*Module)(nil)

// New reads the configuration (README.md).
func New(name string, config map[string]string, _ func(line string)) (sdk.Module, error) {
	m := &Module{name: name}
	if err := m.read(config); err != nil {
		return nil, errors.Join(err, m.Close(context.Background()))
	}
	return m, nil
}

// Manifest says that the plugin is asked about addresses.
func (m *Module) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: m.name, Kind: "builtin", Hooks: sdk.Points(0).With(sdk.PointRewrite)}
}

// Close closes the tables.
func (m *Module) Close(context.Context) error {
	return m.tables.Close()
}

// Call masquerades one address.
func (m *Module) Call(ctx context.Context, _ sdk.Point, h sdk.Host) (sdk.Action, error) {
	tx := sdk.Tx{Host: h}
	class, err := readdress.ParseClasses([]string{tx.RewriteClass()})
	if err != nil || m.classes&class == 0 {
		return sdk.ActContinue, err
	}
	address, err := m.rule.Apply(ctx, tx.RewriteAddr())
	if err != nil {
		return sdk.Answer(h, canonical.Tempfail(tx, err)), nil
	}
	return sdk.Answer(h, canonical.Answer(tx, address)), nil
}
