package master_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// The built-ins canonical and masquerade, named in mtad.toml, do to every address what the parameters of
// these names do: the cases that are played to Postfix are played to both.
func TestBuiltInsRewriteAsTheParametersDo(t *testing.T) {
	text, err := os.ReadFile("testdata/differential/canonical.txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := splitArchive(string(text))
	plugins := maps.Clone(parts)
	var left []string
	canonical, masquerade := "[[plugin]]\nname = \"c\"\nbuiltin = \"canonical\"\n[plugin.config]\n", "[[plugin]]\nname = \"m\"\nbuiltin = \"masquerade\"\n[plugin.config]\n"
	for line := range strings.Lines(parts["main.cf"]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch {
		case strings.Contains(name, "canonical_"):
			canonical += name + " = \"" + value + "\"\n"
		case strings.HasPrefix(name, "masquerade_"):
			masquerade += name + " = \"" + value + "\"\n"
		default:
			left = append(left, line)
		}
	}
	plugins["main.cf"], plugins["mtad.toml"] = strings.Join(left, ""), canonical+masquerade
	if len(left) == strings.Count(parts["main.cf"], "\n") {
		t.Fatal("the cases set no such parameter")
	}
	byParameters, byPlugins := mtadSite(t, parts), mtadSite(t, plugins)
	cases := parseCases(t, parts["cases"])
	if len(cases) == 0 || !slices.ContainsFunc(cases, func(c diffCase) bool { return len(c.fields) > 0 }) {
		t.Fatal("no cases with header fields")
	}
	for i, c := range cases {
		if want, got := byParameters.play(t, i, c), byPlugins.play(t, i, c); want != got {
			t.Errorf("%s\nthe parameters:\n%s\nthe plugins:\n%s", c.line, want, got)
		}
	}
}
