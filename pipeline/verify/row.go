package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
)

// State is what is known of an address.
type State uint8

// The states. Unknown: it was asked, and there is no answer yet.
const (
	Deliverable State = iota
	Deferred
	Undeliverable
	Unknown
)

// Answer is what is known of an address and why: the reply of who would take its mail.
type Answer struct {
	State State
	Text  string
}

// row is what the memory has of an address.
type row struct {
	Answer
	probed, updated time.Time // zero: never
}

// maxText bounds the text of an answer in bytes.
const maxText = 500

func (r row) encode() []byte {
	b := strconv.AppendUint(nil, uint64(r.State), 10)
	for _, t := range [...]time.Time{r.probed, r.updated} {
		b = append(b, ':')
		if t.IsZero() {
			b = append(b, '0')
			continue
		}
		b = strconv.AppendInt(b, t.Unix(), 10)
	}
	return append(append(b, ':'), r.Text...)
}

// parseRow reads what encode wrote; ok is false for anything else.
func parseRow(value []byte) (r row, ok bool) {
	parts := strings.SplitN(string(value), ":", 4)
	if len(parts) != 4 {
		return row{}, false
	}
	state, err := strconv.ParseUint(parts[0], 10, 8)
	if err != nil || State(state) > Unknown {
		return row{}, false
	}
	r.State, r.Text = State(state), clip(parts[3])
	for i, to := range [...]*time.Time{&r.probed, &r.updated} {
		seconds, err := strconv.ParseInt(parts[1+i], 10, 64)
		if err != nil || seconds < 0 || seconds > maxSeconds {
			return row{}, false
		}
		if seconds > 0 {
			*to = time.Unix(seconds, 0)
		}
	}
	return r, true
}

// maxSeconds is a time that is certainly wrong; times below it can be added to.
const maxSeconds = 1 << 40

func clip(text string) string {
	text = status.Clean(text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}

// longestKey is the longest address that is its own key.
const longestKey = 250

// key is what an address in standard form is remembered as.
func key(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		address = address[:i] + strings.ToLower(address[i:])
	}
	if len(address) > longestKey {
		sum := sha256.Sum256([]byte(address))
		return "sha256 " + hex.EncodeToString(sum[:])
	}
	return address
}
