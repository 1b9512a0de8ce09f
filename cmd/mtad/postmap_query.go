package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/mtad/mtad/core/table"
)

// maxKeyLine is the most bytes of a line of standard input, as Postfix's line_length_limit is for
// what it matches.
const maxKeyLine = 1 << 20

// queries asks for each key of standard input.
func (m *tableJob) queries() (int, error) {
	all, err := table.OpenMaps(m.specs, m.tables)
	if err != nil {
		return exFailure, err
	}
	defer all.Close()
	out := bufio.NewWriter(m.sh.out)
	found := false
	ask := func(key string) error {
		value, ok, err := all.Lookup(context.Background(), key)
		if err == nil && ok {
			found = true
			_, err = fmt.Fprintf(out, "%s\t%s\n", key, value)
		}
		return err
	}
	if m.body || m.header {
		err = m.message(ask)
	} else {
		err = eachLine(m.sh.in, ask)
	}
	if err = errors.Join(err, out.Flush()); err != nil || !found {
		return exFailure, err
	}
	return exOK, nil
}

func eachLine(r io.Reader, ask func(string) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxKeyLine)
	for in.Scan() {
		if err := ask(in.Text()); err != nil {
			return err
		}
	}
	return in.Err()
}

// message asks for the headers and body lines of a message, as header_checks and body_checks
// would: a header with its continuation lines is one key, newlines included.
func (m *tableJob) message(ask func(string) error) error {
	w := walker{tableJob: m, ask: ask, inHeader: true}
	if err := eachLine(m.sh.in, w.line); err != nil {
		return err
	}
	return w.flush()
}

// walker is where in a message we are.
type walker struct {
	*tableJob
	ask      func(string) error
	inHeader bool
	header   string
	// boundaries are those of the multiparts that we are in, the innermost last; next is that of
	// the header being read.
	boundaries []string
	next       string
}

func (w *walker) line(text string) error {
	if !w.inHeader {
		return w.bodyLine(text)
	}
	if w.header != "" && (strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t")) {
		w.header += "\n" + text
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if name, _, ok := strings.Cut(text, ":"); ok && name != "" && !strings.ContainsAny(name, " \t") {
		w.header = text
		return nil
	}
	w.inHeader = false
	if w.next != "" {
		w.boundaries, w.next = append(w.boundaries, w.next), ""
	}
	return w.bodyLine(text)
}

// flush asks for the header that is complete.
func (w *walker) flush() error {
	header := w.header
	w.header = ""
	if header == "" {
		return nil
	}
	if name, value, _ := strings.Cut(header, ":"); w.mime && strings.EqualFold(name, "content-type") {
		kind, params, err := mime.ParseMediaType(strings.ReplaceAll(value, "\n", " "))
		if err == nil && strings.HasPrefix(kind, "multipart/") {
			w.next = params["boundary"]
		}
	}
	if !w.tableJob.header {
		return nil
	}
	return w.ask(header)
}

// bodyLine asks for a line of the body, and with -m notices where a part begins or ends.
func (w *walker) bodyLine(text string) error {
	for i := len(w.boundaries) - 1; i >= 0; i-- {
		rest, ok := strings.CutPrefix(text, "--"+w.boundaries[i])
		if !ok {
			continue
		}
		if w.boundaries = w.boundaries[:i+1]; strings.HasPrefix(rest, "--") {
			w.boundaries = w.boundaries[:i]
		} else {
			w.inHeader = true
		}
		break
	}
	if !w.body {
		return nil
	}
	return w.ask(text)
}
