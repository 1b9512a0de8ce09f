package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
)

const helpQshape = `usage: qshape [-s] [-p] [-m N] [-l] [-b N] [-t MINUTES] [-w COLUMNS] [-N N]
              [-n N] [-c DIR] [SELECTOR...] [QUEUE...]

Counts the recipients that wait by domain and by the age of their messages.
QUEUE: incoming, active (both unless said), deferred, hold, corrupt, maildrop.

  -s          senders instead of recipients
  -p          parent domains too, with at least -m subdomains (5)
  -b, -t      number of age buckets (10), minutes of the first (5); each is
              twice as long as the one before, or with -l as long as it
  -w COLUMNS  width of the table (80)
  -n N        only the N largest domains (20 on a terminal)
  -N N        on a terminal, show what is known after each N messages (1000)
  -c DIR      configuration directory
` + helpSelectors + `
Exit code: 0 done, 1 not done, 255 usage.
`

// shape is a table of domains and ages.
type shape struct {
	senders, parents, linear bool
	buckets, width           int
	tick                     time.Duration
	minSub, top, every       int
	now                      time.Time

	messages int
	rows     map[string][]int
	subs     map[string]int
}

// total is the name of the row of sums.
const total = "TOTAL"

// minDomain is the least width of the column of domains.
const minDomain = 18

func newShape(terminal bool) *shape {
	s := &shape{buckets: 10, width: 80, tick: 5 * time.Minute, minSub: 5, now: time.Now(), rows: map[string][]int{}, subs: map[string]int{}}
	if terminal {
		s.top, s.every = 20, 1000
	}
	s.rows[total] = make([]int, s.buckets+1)
	return s
}

func qshape(sh *shell, args []string) int {
	s := newShape(isTerminal(sh.out))
	sel, err := s.read(sh, args)
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n%s", sh.name, err, helpQshape)
		return 255
	}
	cfg, err := sh.config()
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	c := ctl.NewClient(cfg.String("control_socket"))
	defer c.Close()
	out := bufio.NewWriter(sh.out)
	add := func(it *ctl.Item) bool {
		s.add(it)
		if s.messages++; s.every > 0 && s.messages%s.every == 0 {
			out.WriteString("\x1b[H\x1b[2J") // ECMA-48: home, erase
			s.print(out)
			return out.Flush() == nil
		}
		return true
	}
	dropItems(cfg, sel, add)
	if err := sh.items(context.Background(), c, cfg, sel, add); err != nil {
		return sh.fail(exFailure, "%s", told(err))
	}
	s.print(out)
	if err := out.Flush(); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	return exOK
}

// isTerminal says whether someone looks at w.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// read reads the arguments.
func (s *shape) read(sh *shell, args []string) (*ctl.Selector, error) {
	sel, args, err := cutSelector(args)
	if err != nil {
		return nil, err
	}
	opts, queues, err := getopt(args, "lhc:psw:b:t:m:n:N:")
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		switch o.letter {
		case 'c':
			sh.dir = o.value
		case 's':
			s.senders = true
		case 'p':
			s.parents = true
		case 'l':
			s.linear = true
		case 'h':
			return nil, errors.New("help")
		default:
			if err := s.number(o); err != nil {
				return nil, err
			}
		}
	}
	s.rows[total] = make([]int, s.buckets+1)
	if sel.Queues = append(sel.Queues, queues...); len(sel.Queues) == 0 {
		sel.Queues = []string{"incoming", "active"}
	}
	known := withoutMaildrop(&sel)
	_, err = ctl.ParseSelector(known.Query())
	return &sel, err
}

// maxBuckets and maxColumns bound the table.
const (
	maxBuckets = 1000
	maxColumns = 10000
	maxMinutes = 10 * 365 * 24 * 60
)

// number sets what an option with a number sets. A width of 80 or less changes nothing.
func (s *shape) number(o option) error {
	n, err := strconv.Atoi(o.value)
	if err != nil || n < 0 {
		return fmt.Errorf("-%c: bad number: %s", o.letter, o.value)
	}
	switch {
	case o.letter == 'N':
		s.every = n
	case o.letter == 'n':
		s.top = n
	case n == 0:
	case o.letter == 'b':
		s.buckets = min(n, maxBuckets)
	case o.letter == 't':
		s.tick = time.Duration(min(n, maxMinutes)) * time.Minute
	case o.letter == 'm':
		s.minSub = n
	case o.letter == 'w' && n > s.width:
		s.width = min(n, maxColumns)
	}
	return nil
}

// add counts one message.
func (s *shape) add(it *ctl.Item) {
	b := s.bucket(s.now.Sub(it.ArrivedAt()))
	if s.senders {
		s.count(it.Sender, b)
		return
	}
	for i := range it.Recipients {
		s.count(it.Recipients[i].Address, b)
	}
}

// bucket is the column of an age; 0 is the sum.
func (s *shape) bucket(age time.Duration) int {
	if age < s.tick {
		return 1
	}
	m := int(age / s.tick)
	if s.linear {
		return min(m+1, s.buckets)
	}
	b := 1
	for ; m > 0 && b < s.buckets; m >>= 1 {
		b++
	}
	return b
}

// count counts one address under its domain, and its parents.
func (s *shape) count(address string, bucket int) {
	s.rows[total][0]++
	s.rows[total][bucket]++
	d := domainOf(address)
	fresh := false
	for {
		row := s.rows[d]
		if row == nil {
			row = make([]int, s.buckets+1)
			s.rows[d] = row
		}
		row[0]++
		row[bucket]++
		if fresh {
			s.subs[d]++
		}
		fresh = row[0] == 1
		if !s.parents {
			return
		}
		_, parent, ok := strings.Cut(strings.TrimPrefix(d, "."), ".")
		if !ok || !strings.Contains(parent, ".") {
			return // top level domains are not shown
		}
		d = "." + parent
	}
}

func domainOf(address string) string {
	d := address
	if d != "MAILER-DAEMON" {
		d = strings.ToLower(d)
	}
	d = d[strings.LastIndexByte(d, '@')+1:]
	for strings.Contains(d, "..") {
		d = strings.ReplaceAll(d, "..", ".")
	}
	if trimmed := strings.Trim(d, "."); trimmed != "" {
		return trimmed
	}
	return d
}

// print writes the table, the largest domains first.
func (s *shape) print(out *bufio.Writer) {
	heads, widths := s.columns()
	column := s.width
	for _, w := range widths {
		column -= w
	}
	column = max(column, minDomain)
	writeRow(out, "", column, heads, widths)
	shown := 0
	for _, d := range s.order() {
		if d[0] == '.' && s.subs[d] < s.minSub {
			continue
		}
		if shown++; s.top > 0 && shown > s.top {
			return
		}
		cells := make([]string, len(widths))
		for i, n := range s.rows[d] {
			cells[i] = strconv.Itoa(n)
		}
		writeRow(out, d, column, cells, widths)
	}
}

// order is the domains as they are shown.
func (s *shape) order() []string {
	names := make([]string, 0, len(s.rows))
	for d := range s.rows {
		if d != "" {
			names = append(names, d)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.rows[b][0], s.rows[a][0]), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
	return names
}

// columns are the heads of the columns, and their widths by the sums in them.
func (s *shape) columns() (heads []string, widths []int) {
	age := 0
	tick := int(s.tick / time.Minute)
	for i := 0; i <= s.buckets; i++ {
		head := "T"
		switch {
		case i == s.buckets && i > 0:
			head = strconv.Itoa(age) + "+"
		case i > 0:
			if age > 0 && !s.linear {
				age *= 2
			} else {
				age += tick
			}
			head = strconv.Itoa(age)
		}
		w := max(len(head), len(strconv.Itoa(s.rows[total][i])))
		if w++; w < 3 {
			w = 3
		}
		heads, widths = append(heads, head), append(widths, w)
	}
	return heads, widths
}

// writeRow writes a row; a domain that is too long loses its begin.
func writeRow(out *bufio.Writer, domain string, column int, cells []string, widths []int) {
	switch n := len(domain); {
	case n <= column:
		fmt.Fprintf(out, "%*s", column, domain)
	case domain[0] == '.':
		out.WriteString(".+" + domain[n-column+2:])
	default:
		out.WriteString("+" + domain[n-column+1:])
	}
	for i, c := range cells {
		fmt.Fprintf(out, "%*s", widths[i], c)
	}
	out.WriteByte('\n')
}
