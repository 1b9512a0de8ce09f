//go:build wasip1

// Command subject-filter is a filter for mtad: it refuses messages whose Subject has one of the
// configured words, and tags the others.
package main

import (
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/guest"
)

type filter struct{}

func init() { guest.Register(filter{}) }

func main() {}

// EOM is asked when the whole message has arrived.
func (filter) EOM(tx sdk.Tx) sdk.Verdict {
	subject := strings.ToLower(tx.Header("Subject"))
	for _, word := range strings.Fields(strings.ToLower(tx.Config("words", "lottery"))) {
		if strings.Contains(subject, word) {
			return sdk.Reject("5.7.1", "subject has the word \""+word+"\", which this site does not take")
		}
	}
	if err := tx.AddHeader("X-Filtered-By", tx.Config("tag", "subject-filter")); err != nil {
		return sdk.Tempfail("4.3.0", "the filter may not add a header: "+err.Error())
	}
	return sdk.Continue
}
