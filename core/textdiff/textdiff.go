package textdiff

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLine is the most bytes of a line that are shown.
const MaxLine = 500

// maxEdits is how many added and removed lines are looked for one by one; the search takes memory
// that is the square of it.
const maxEdits = 500

// around is how many equal lines are shown on each side of a change.
const around = 3

// Unified returns the difference in unified form, name standing for both texts; "" when they are
// equal. Lines end in LF or CRLF, which makes no difference to how they are shown but does to
// whether they are equal; whether the last line has an end makes none.
func Unified(name string, before, after []byte) string {
	a, b := lines(before), lines(after)
	edits := compare(a, b)
	var out strings.Builder
	for _, h := range hunks(edits) {
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- %s\n+++ %s\n", name, name)
		}
		h.write(&out, a, b)
	}
	return out.String()
}

func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// edit is one line: of both texts (' '), of the first ('-') or of the second ('+').
type edit struct {
	op   byte
	a, b int // lines before it in each text
}

// compare finds a shortest way from a to b, behind and before what is equal at both ends.
func compare(a, b []string) []edit {
	begin := 0
	for begin < len(a) && begin < len(b) && a[begin] == b[begin] {
		begin++
	}
	end := 0
	for end < len(a)-begin && end < len(b)-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	edits := make([]edit, 0, len(a)+len(b)-begin-end)
	for i := range begin {
		edits = append(edits, edit{' ', i, i})
	}
	for _, e := range middle(a[begin:len(a)-end], b[begin:len(b)-end]) {
		edits = append(edits, edit{e.op, e.a + begin, e.b + begin})
	}
	for i := range end {
		edits = append(edits, edit{' ', len(a) - end + i, len(b) - end + i})
	}
	return edits
}

// middle is Myers' search for the shortest edit script: far[d] keeps, for each diagonal, how far d
// edits reach.
func middle(a, b []string) []edit {
	limit := min(len(a)+len(b), maxEdits)
	var far [][]int
	v := make([]int, 2*limit+3)
	for d := 0; d <= limit; d++ {
		far = append(far, append([]int(nil), v...))
		for k := -d; k <= d; k += 2 {
			x := step(v, limit, k, d)
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			v[limit+1+k] = x
			if x >= len(a) && x-k >= len(b) {
				return back(far, limit, len(a), len(b))
			}
		}
	}
	return replaced(a, b)
}

// step is where diagonal k begins with one more edit: a line less of the first text, or one more of
// the second.
func step(v []int, limit, k, d int) int {
	if k == -d || k != d && v[limit+k] < v[limit+2+k] {
		return v[limit+2+k]
	}
	return v[limit+k] + 1
}

// back walks from the end to the begin of the script.
func back(far [][]int, limit, x, y int) []edit {
	var rev []edit
	for d := len(far) - 1; d > 0; d-- {
		v, k := far[d], x-y
		from := k - 1
		if k == -d || k != d && v[limit+k] < v[limit+2+k] {
			from = k + 1
		}
		px := v[limit+1+from]
		py := px - from
		for x > px && y > py {
			x, y = x-1, y-1
			rev = append(rev, edit{' ', x, y})
		}
		if from > k {
			rev = append(rev, edit{'+', x, py})
		} else {
			rev = append(rev, edit{'-', px, y})
		}
		x, y = px, py
	}
	for x > 0 && y > 0 {
		x, y = x-1, y-1
		rev = append(rev, edit{' ', x, y})
	}
	for i, j := 0, len(rev)-1; i < j; i, j = i+1, j-1 {
		rev[i], rev[j] = rev[j], rev[i]
	}
	return rev
}

func replaced(a, b []string) []edit {
	var all []edit
	for i := range a {
		all = append(all, edit{'-', i, 0})
	}
	for i := range b {
		all = append(all, edit{'+', len(a), i})
	}
	return all
}

// hunk is a run of edits with what stands around it.
type hunk []edit

// hunks leaves out what is equal and far from every change.
func hunks(edits []edit) []hunk {
	var all []hunk
	first, last := 0, -1 // of the last hunk: its first edit, and the one behind it
	for i, e := range edits {
		if e.op == ' ' {
			continue
		}
		begin, end := max(i-around, 0), min(i+around+1, len(edits))
		if n := len(all); n > 0 && begin <= last {
			all[n-1] = edits[first:end]
		} else {
			all, first = append(all, edits[begin:end]), begin
		}
		last = end
	}
	return all
}

func (h hunk) write(out *strings.Builder, a, b []string) {
	na, nb := 0, 0
	for _, e := range h {
		if e.op != '+' {
			na++
		}
		if e.op != '-' {
			nb++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(h[0].a, na), span(h[0].b, nb))
	for _, e := range h {
		line := ""
		if e.op == '+' {
			line = b[e.b]
		} else {
			line = a[e.a]
		}
		out.WriteByte(e.op)
		out.WriteString(Printable(line))
		out.WriteByte('\n')
	}
}

// span is a range of lines as diff writes it: nothing stands at the line before.
func span(begin, n int) string {
	if n == 0 {
		return fmt.Sprintf("%d,0", begin)
	}
	if n == 1 {
		return fmt.Sprint(begin + 1)
	}
	return fmt.Sprintf("%d,%d", begin+1, n)
}

// Printable returns a line without its end, safe to print: at most MaxLine bytes of it, control bytes
// but the tab and what is no UTF-8 as \xNN.
func Printable(line string) string {
	line = strings.TrimRight(line, "\r\n")
	cut := len(line) > MaxLine
	if cut {
		line = line[:MaxLine]
	}
	var out strings.Builder
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRuneInString(line[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			for _, c := range []byte(line[i : i+n]) {
				fmt.Fprintf(&out, "\\x%02x", c)
			}
		} else {
			out.WriteString(line[i : i+n])
		}
		i += n
	}
	if cut {
		out.WriteString("…")
	}
	return out.String()
}
