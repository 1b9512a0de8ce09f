package subjecttag

import (
	"errors"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// options of the plugin, as its configuration names them.
type options struct {
	tag    string // "tag": what is put in front, with a space behind
	header string // "header": the field that decides; "" for every message
	value  string // "value": what it must contain, in any case; "" for any value
}

// Plugin tags subjects.
type Plugin struct{ o options }

var _ sdk.Headerser = (*Plugin)(nil)

// New reads the configuration: tag, header, value.
func New(config map[string]string) (sdk.Plugin, error) {
	o := options{tag: config["tag"], header: config["header"], value: strings.ToLower(config["value"])}
	if o.tag == "" {
		return nil, errors.New("set tag in [plugin.config], as tag = \"[EXTERNAL]\"")
	}
	return &Plugin{o}, nil
}

// Headers tags the Subject.
func (p *Plugin) Headers(tx sdk.Tx) sdk.Verdict {
	if !p.wanted(tx) {
		return sdk.Continue
	}
	subject := tx.Header("Subject")
	if strings.HasPrefix(subject, p.o.tag) {
		return sdk.Continue
	}
	if err := tx.SetHeader("Subject", strings.TrimSpace(p.o.tag+" "+subject)); err != nil {
		return sdk.Tempfail("4.3.0", "the Subject cannot be tagged: "+err.Error())
	}
	return sdk.Continue
}

func (p *Plugin) wanted(tx sdk.Tx) bool {
	if p.o.header == "" {
		return true
	}
	for _, v := range tx.Headers(p.o.header) {
		if strings.Contains(strings.ToLower(v), p.o.value) {
			return true
		}
	}
	return false
}
