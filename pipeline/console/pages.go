package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
)

//go:embed assets
var assets embed.FS

// pages are the templates by name.
type pages map[string]*template.Template

// parsePages reads the templates, each with the frame around it. They are part of the program: a mistake
// in one shows in every test.
func parsePages(clock func() time.Time) pages {
	all := pages{}
	frame := template.Must(template.New("frame").Funcs(words(clock)).ParseFS(assets, "assets/frame.html"))
	for _, name := range []string{"error", "login", "overview", "queue", "plugins", "message", "text", "confirm", "act"} {
		t := template.Must(frame.Clone())
		all[name] = template.Must(t.ParseFS(assets, "assets/"+name+".html"))
	}
	return all
}

// words are the functions of the templates.
func words(clock func() time.Time) template.FuncMap {
	return template.FuncMap{
		"cap":   func(a ctl.Action) string { return strings.ToUpper(string(a[:1])) + string(a[1:]) },
		"safe":  func(s string) string { return shown(s, maxShown) },
		"long":  func(s string) string { return shown(s, maxLong) },
		"lines": block,
		"bytes": sizeText,
		"took":  tookText,
		"when":  whenText,
		"age":   func(t time.Time) string { return ageText(clock().Sub(t)) },
		"until": func(t time.Time) string { return ageText(t.Sub(clock())) },
		"bar":   bar,
		"heat":  heat,
		"pack":  func(root string, it item) rowOf { return rowOf{root, it} },
	}
}

// rowOf is a message for the template of a row.
type rowOf struct {
	Root string
	It   item
}

// view is what the frame gets; Page is the page's own.
type view struct {
	Title   string
	Root    string
	Name    string // of the page
	Who     string
	CanAct  bool
	CanRead bool
	CSRF    string
	// Refresh is after how many seconds the browser loads the page again, 0 for never.
	Refresh int
	Now     time.Time
	Page    any
}

func (c *Console) view(v *visit, name, title string, page any) view {
	d := view{Title: title, Root: Root, Name: name, Now: c.o.Clock(), Page: page}
	if v.who != nil {
		d.Who, d.CSRF = v.who.name, v.session.csrf
		d.CanAct, d.CanRead = v.who.may(Act), v.who.may(Read)
	}
	return d
}

// page answers with a page. It is made in memory first: a failure in the middle is no half of a page.
func (c *Console) page(w http.ResponseWriter, v *visit, code int, name, title string, page any) {
	c.send(w, code, name, c.view(v, name, title, page))
}

func (c *Console) send(w http.ResponseWriter, code int, name string, d view) {
	var b bytes.Buffer
	if err := c.pages[name].ExecuteTemplate(&b, "frame.html", d); err != nil {
		c.o.Log.Error("console: page " + name + ": " + err.Error())
		http.Error(w, "The page cannot be shown; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // whoever left sees nothing
}

// asset answers with a file of the program, the same for everybody.
func (c *Console) asset(name, kind string) handler {
	return func(w http.ResponseWriter, _ *visit) error {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(b)
		return nil
	}
}

func sizeText(n int64) string {
	const kib = 1 << 10
	switch {
	case n < kib:
		return strconv.FormatInt(n, 10) + " B"
	case n < kib*kib:
		return fmt.Sprintf("%.1f KiB", float64(n)/kib)
	case n < kib*kib*kib:
		return fmt.Sprintf("%.1f MiB", float64(n)/(kib*kib))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(kib*kib*kib))
}

// tookText is a short time: "12 ms", "3.4 s".
func tookText(d time.Duration) string {
	switch {
	case d <= 0:
		return "0"
	case d < time.Millisecond:
		return strconv.FormatInt(max(int64(d/time.Microsecond), 1), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(int64(d/time.Millisecond), 10) + " ms"
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return ageText(d)
}

// ageText is a time in its two largest units: "3 d 4 h".
func ageText(d time.Duration) string {
	d = max(d, 0)
	s := int64(d / time.Second)
	units := []struct {
		seconds int64
		name    string
	}{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}
	for i, u := range units {
		if s < u.seconds && u.seconds > 1 {
			continue
		}
		text := fmt.Sprintf("%d %s", s/u.seconds, u.name)
		if i+1 < len(units) {
			if rest := s % u.seconds / units[i+1].seconds; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0 s"
}

func whenText(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
