package usage

import (
	_ "embed" // the counts
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/conf/param"
)

//go:embed usage.tsv
var counts string

// Entry is a parameter that is set in the field.
type Entry struct {
	Name string
	// Files is in how many files it stands; more than 0.
	Files int
	// Effect and Text are what the registry says of it or, for a parameter of a transport, of the
	// one that counts for all transports. Effect is "" for a name that the registry does not have.
	Effect param.Effect
	Text   string
}

// All returns the parameters, the most used first.
func All() []Entry {
	var all []Entry
	for line := range strings.Lines(counts) {
		name, files, ok := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(files)
		if !ok || err != nil {
			continue // a comment; the tests read every line
		}
		e := Entry{Name: name, Files: n}
		p, known := param.Find(name)
		if !known {
			_, p, known = param.SplitTransport(name)
		}
		if known {
			e.Effect, e.Text = p.Effect, p.Text
		}
		all = append(all, e)
	}
	return all
}

// Total counts, over the entries with an effect, how often they are set; "" counts all.
func Total(all []Entry, effect param.Effect) (files int) {
	for _, e := range all {
		if effect == "" || e.Effect == effect {
			files += e.Files
		}
	}
	return files
}
