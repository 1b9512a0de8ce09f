//go:build !linux

package hook

import "time"

// threadTime is not known here.
func threadTime() time.Duration { return 0 }
