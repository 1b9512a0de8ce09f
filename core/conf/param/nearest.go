package param

// Nearest returns the known name that is most like name, "" when none is. Names in also count as
// known; of several that are equally near, the first in order is returned.
func Nearest(name string, also ...string) string {
	best, least := "", maxDistance(name)+1
	try := func(candidate string) {
		if d := distance(name, candidate, least); d < least {
			best, least = candidate, d
		}
	}
	for _, p := range All() {
		if !p.Old {
			try(p.Name)
		}
	}
	for _, a := range also {
		try(a)
	}
	return best
}

// Near reports whether b may be meant where a is written.
func Near(a, b string) bool {
	limit := maxDistance(a)
	return distance(a, b, limit+1) <= limit
}

// maxDistance is how many letters may be wrong in a name: one in five, three at most.
func maxDistance(name string) int { return min(3, max(1, len(name)/5)) }

// distance counts the letters that must be put in, taken out, changed or swapped with their
// neighbour to make b of a. It gives up at limit.
func distance(a, b string, limit int) int {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
