package serve

import (
	"strings"
	"sync"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// learned is what the hook of a point reads. Safe for concurrent use.
type learned struct {
	mu                       sync.Mutex
	properties               map[string]bool
	order                    []string
	header, recipients, body bool
	changed                  bool
}

// property notes that a property is read. Those that other calls of the same hook change are not
// worth sending.
func (l *learned) property(name string) {
	if strings.HasPrefix(name, "scan.") || strings.HasPrefix(name, "mime.") || len(name) > 64 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.properties[name] || len(l.order) == wire.MaxWanted {
		return
	}
	if l.properties == nil {
		l.properties = map[string]bool{}
	}
	l.properties[name], l.changed = true, true
	l.order = append(l.order, name)
}

// flag notes that one of header, recipients and body is read.
func (l *learned) flag(f *bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !*f {
		*f, l.changed = true, true
	}
}

// news is what mtad has not been told yet, nil when there is nothing.
func (l *learned) news(p sdk.Point) *wire.Want {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.changed {
		return nil
	}
	l.changed = false
	return &wire.Want{Point: uint32(p), Properties: append([]string(nil), l.order...),
		Header: l.header, Recipients: l.recipients, Body: l.body}
}
