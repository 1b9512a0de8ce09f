package sink

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"
)

// control answers the commands of one client.
func (s *Sink) control(ctx context.Context, c net.Conn) {
	lines := bufio.NewScanner(c)
	enc := json.NewEncoder(c)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "stats":
		case "reset":
			s.Reset()
		case "wait":
			var n int
			var seconds float64
			if _, err := fmt.Sscan(strings.Join(words[1:], " "), &n, &seconds); err != nil {
				return
			}
			wait, cancel := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
			_ = s.Wait(wait, n) // the counts tell how it ended
			cancel()
		default:
			return
		}
		if enc.Encode(s.Counts()) != nil {
			return
		}
	}
}
