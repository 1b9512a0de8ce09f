package console

import (
	"fmt"
	"html/template"
	"strings"
)

// bar draws a bar of n of at most most, as SVG: the policy for styles allows no width in the HTML. It
// is made of numbers alone.
func bar(n, most int) template.HTML {
	const wide = 100.0
	w := 0.0
	if most > 0 && n > 0 {
		w = max(wide*float64(n)/float64(most), 1)
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">`+
		`<rect class="track" width="100" height="10" rx="2"/><rect class="fill" width="%.1f" height="10" rx="2"/></svg>`, w))
}

// heat is the class of a cell by its share of the largest one: "h0" to "h5".
func heat(n, most int) string {
	if n <= 0 || most <= 0 {
		return "h0"
	}
	return fmt.Sprintf("h%d", 1+min(4*n/most, 4))
}

// busiest is the largest count of a minute.
func busiest(m [60][kinds]uint32) (most uint32) {
	for _, c := range m {
		most = max(most, c[sent]+c[deferred]+c[bounced], c[accepted])
	}
	return most
}

// hour draws the counts of sixty minutes as columns: sent below, deferred and bounced on them.
func hour(m [60][kinds]uint32) template.HTML {
	const high = 100.0
	most := max(busiest(m), 1)
	var b strings.Builder
	b.WriteString(`<svg class="hour" viewBox="0 0 600 100" preserveAspectRatio="none" role="img" aria-label="deliveries of each minute of the last hour">`)
	for _, y := range []int{25, 50, 75} {
		fmt.Fprintf(&b, `<line class="grid" x1="0" x2="600" y1="%d" y2="%d"/>`, y, y)
	}
	for i, c := range m {
		y := high
		for _, k := range []int{sent, deferred, bounced} {
			h := high * float64(c[k]) / float64(most)
			if h == 0 {
				continue
			}
			y -= h
			fmt.Fprintf(&b, `<rect class="k%d" x="%d" y="%.1f" width="8" height="%.1f"/>`, k, i*10+1, y, h)
		}
		if c[accepted] > 0 {
			fmt.Fprintf(&b, `<rect class="k0" x="%d" y="%.1f" width="10" height="1.5"/>`, i*10, min(high*(1-float64(c[accepted])/float64(most)), high-1.5))
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
