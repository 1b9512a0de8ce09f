package master

import (
	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/queue"
)

// Confine does to this process what is done to a worker before it sees any mail. It is for a test
// that plays a worker that was taken over.
func Confine(c *conf.Config, parent *privsep.Client, o Options) error {
	m := &Master{o: o, cfg: c, places: placesOf(c), around: &surroundings{parent: parent}}
	if err := m.openLog(c); err != nil {
		return err
	}
	return m.confine(c)
}

// OverStore has a store put over the daemon's own.
func (o *Options) OverStore(over func(queue.Store) queue.Store) { o.overStore = over }
