//go:build race

package rehearse

import "strings"

// isPlayed: the race detector makes the engine many times slower, and races are the host's: the guests
// in C meet all of that.
func isPlayed(source string) bool { return strings.HasSuffix(source, ".c") }
