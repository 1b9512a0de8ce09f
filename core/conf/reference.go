package conf

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
)

// Reference writes the reference of all parameters and programs as Markdown. It depends on
// nothing but this version of mtad.
func Reference(w io.Writer) error {
	b := bufio.NewWriter(w)
	counts := map[param.Effect]int{}
	areas := map[string][]*param.Param{}
	var order []string
	for _, p := range param.All() {
		counts[p.Effect]++
		if areas[p.Area] == nil {
			order = append(order, p.Area)
		}
		areas[p.Area] = append(areas[p.Area], p)
	}
	fmt.Fprintf(b, "# Parameters\n\nGenerated from the registry of parameters: change that, not this page. Of %d parameters %d are effective, %d are\n"+
		"accepted without effect, and %d are not supported.\n\n", len(param.All()), counts[param.Effective], counts[param.Accepted], counts[param.Unsupported])
	b.WriteString("The names, and the defaults where they do not depend on the build, are those of Postfix. A default in italics is\n" +
		"found out when the configuration is loaded. Every transport of master.cf has parameters of its own: those at the end.\n")
	for _, area := range order {
		fmt.Fprintf(b, "\n## %s\n\n| parameter | type | default | effect | |\n|---|---|---|---|---|\n", strings.TrimSuffix(param.Title(area), "."))
		for _, p := range areas[area] {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", p.Name, typeText(p), defaultText(p), p.Effect, cell(p.Text))
		}
	}
	writeTransports(b)
	writePrograms(b)
	return b.Flush()
}

func writeTransports(b *bufio.Writer) {
	b.WriteString("\n## Parameters of transports\n\n| parameter | counts otherwise |\n|---|---|\n")
	for _, suffix := range param.TransportSuffixes() {
		p, _ := param.OfTransport(suffix)
		fmt.Fprintf(b, "| *transport*_%s | %s |\n", suffix, p.Name)
	}
}

func writePrograms(b *bufio.Writer) {
	b.WriteString("\n## Programs of master.cf\n\n| program | effect | |\n|---|---|---|\n")
	for _, p := range mastercf.Programs() {
		fmt.Fprintf(b, "| %s | %s | %s |\n", p.Name, p.Effect, cell(p.Note))
	}
}

// typeText names the type of a parameter with its words and its range.
func typeText(p *param.Param) string {
	text := string(p.Type)
	if len(p.Values) > 0 {
		words := strings.Join(p.Values, ", ")
		if p.Values[0] == "" {
			words = "empty" + words
		}
		text += ": " + words
	}
	if p.IsNumber() && p.Type != param.Code || p.Type == param.Time {
		if p.Range.Min > 0 || p.Range.Max < 1<<62 {
			text += ", " + p.Range.String()
		}
	}
	if p.Old {
		text += ", old name"
	}
	return text
}

// defaultText shows a default value.
func defaultText(p *param.Param) string {
	switch {
	case p.Computed:
		return "*" + computedText(p.Name) + "*"
	case p.Default == "":
		return ""
	}
	return "`" + cell(p.Default) + "`"
}

func computedText(name string) string {
	switch name {
	case "myhostname":
		return "the system's name"
	case "mydomain":
		return "myhostname without its first label"
	case "mynetworks":
		return "by mynetworks_style"
	case "compatibility_level":
		return "0 with a main.cf, " + currentLevel + " without"
	case "config_directory":
		return "by -c, or " + DefaultDir
	}
	return "by the program"
}

// cell makes text fit for a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
