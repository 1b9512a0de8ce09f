//go:build wasip1

// Command filter is a filter for mtad: it refuses messages that have a configured word in the
// Subject, and marks the others.
package main

import (
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/guest"
)

type filter struct {
	word string
}

func init() { guest.Register(&filter{}) }

func main() {}

// Init reads the configuration, once, at load.
func (f *filter) Init(tx sdk.Tx) error {
	f.word = strings.ToLower(tx.Config("word", "lottery"))
	return nil
}

// EOM is asked when the whole message has arrived.
func (f *filter) EOM(tx sdk.Tx) sdk.Verdict {
	if strings.Contains(strings.ToLower(tx.Header("Subject")), f.word) {
		return sdk.Reject("5.7.1", "messages about this are not taken here")
	}
	if err := tx.AddHeader("X-Checked", "yes"); err != nil {
		return sdk.Tempfail("4.3.0", "cannot mark the message: "+err.Error())
	}
	return sdk.Continue
}
