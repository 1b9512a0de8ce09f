//go:build !linux

package process

import "time"

// footprint is known on Linux only.
func footprint(*run) (memory int64, processor time.Duration) { return 0, 0 }
