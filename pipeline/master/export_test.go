package master

import (
	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/privsep"
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
