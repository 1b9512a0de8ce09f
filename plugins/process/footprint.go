package process

import "time"

// Footprint returns the memory that the process has resident now, in bytes, and the processor time that
// it has used since it was started; 0 while there is no process, and where the system does not tell.
// What the process started is not in it.
func (m *Module) Footprint() (memory int64, processor time.Duration) {
	c := m.child.Load()
	if c == nil || c.dead() {
		return 0, 0
	}
	return footprint(c.run)
}
