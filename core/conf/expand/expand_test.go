package expand

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// values is the world of the tests below.
var values = map[string]string{
	"a1": "x", "a2": "$a1 y", "empty": "", "c1": "$empty", "bra": "{a}", "sp": "a b", "dollar": "$$a1",
	"compatibility_level": "3.6", "loop1": "$loop2", "loop2": "a ${loop3}", "loop3": "$loop1", "self": "${self}",
	"cond": "${cond?{yes}:{no}}",
}

func lookup(name string) (string, bool) {
	v, ok := values[name]
	return v, ok
}

// TestExpand holds what `postconf -x` of Postfix 3.7.11 answers to the same values.
func TestExpand(t *testing.T) {
	tests := []struct{ text, want string }{
		{"plain", "plain"}, {"", ""}, {"$a1", "x"}, {"${a1}", "x"}, {"$(a1)", "x"}, {"${ a1 }", "x"}, {"$a2", "x y"},
		{"$$a1", "$a1"}, {"a$$b", "a$b"}, {"$$$a1", "$x"}, {"$dollar", "$a1"}, {"$a1$a2", "xx y"}, {"$a1.x", "x.x"},
		{"${a1}:y", "x:y"}, {"$undefined-x", "-x"}, {"$a1_b", ""}, {"$1", ""}, {"$_a", ""}, {"$a1é", "xé"},
		{"${a1?yes}", "yes"}, {"${a1:no}", ""}, {"${undefined?yes}", ""}, {"${undefined:no}", "no"},
		{"${empty?yes}", ""}, {"${empty:empty}", "empty"}, {"${c1?nonempty}", "nonempty"}, {"${c1:empty}", ""},
		{"${a1?{t}:{f}}", "t"}, {"${undefined?{t}:{f}}", "f"}, {"${a1 ? {t} : {f}}", "t"}, {"${a1 ?{t}}", "t"},
		{"${a1?{t}:f}", "t"}, {"${a1?t:f}", "t:f"}, {"${undefined?t:f}", ""}, {"${undefined:{f}}", "f"},
		{"${a1? {t}: {f} }", "t"}, {"${a1?{t} :{f}}", "t"}, {"${a1?sp ace}", "sp ace"}, {"[${a1? in }]", "[ in ]"},
		{"[${a1?{ in }}]", "[ in ]"}, {"[${undefined: in }]", "[ in ]"}, {"${a1?}", ""}, {"${undefined:}", ""},
		{"${a1?${a2}}", "x y"}, {"${a1?$$a2}", "$a2"}, {"${undefined?{$$}:{$$a1}}", "$a1"},
		{"${a1?${undefined:{deep}}}", "deep"}, {"${a1?a}b}", "ab}"}, {"${a1?{a}}b}", "ab}"}, {"${bra}", "{a}"},
		{"${a1?{{x}}}", "{x}"}, {"${a1?{$bra}:{b}}", "{a}"}, {"$(a1?{t})", "t"}, {"$(a1?f(x))", "f(x)"}, {"$(undefined:a)b)", "ab)"},
		{"a}b{c", "a}b{c"}, {"{a $a1}", "{a x}"}, {"${a1:{$self}}", ""},
		{"${{$a1} == {x} ? {eq} : {ne}}", "eq"}, {"${{x}=={x}?{a}:{b}}tail", "atail"}, {"${{x}=={x}}", "true"}, {"[${{x}=={y}}]", "[]"},
		{"${{x}!={y}?{ne}:{eq}}", "ne"}, {"${{ x } == {x}?{a}:{b}}", "b"}, {"${{$sp} == {a b}?{a}:{b}}", "a"},
		{"${{$undefined} == {}?{eq}:{ne}}", "eq"}, {"${{a}=={b}:y}", "y"}, {"${{a}=={a}:y}", ""}, {"${{a}=={a}?y}", "y"},
		{"${{10} < {9} ? {lt} : {ge}}", "ge"}, {"${{10} < {9a} ? {lt} : {ge}}", "lt"}, {"${{a} < {b} ? {lt} : {ge}}", "lt"},
		{"${{010} == {10}?{eq}:{ne}}", "eq"}, {"${{+5} == {5}?{eq}:{ne}}", "ne"}, {"${{0x10} == {16}?{eq}:{ne}}", "ne"},
		{"${{1} < {}?{lt}:{ge}}", "ge"}, {"${{} < {1}?{lt}:{ge}}", "lt"}, {"${{-5} < {-10}?{lt}:{ge}}", "ge"},
		{"${{abc} <= {abc}?{le}:{gt}}", "le"}, {"${{abc} < {ABC}?{lt}:{ge}}", "ge"}, {"${{$a1} >= {x}? {ge}}", "ge"},
		{"${{2} > {1} ? {gt}:{le}}", "gt"}, {"${{a{b}c}=={a{b}c}?{eq}:{ne}}", "eq"},
		{"${{$compatibility_level} <level {3.11} ? {l} : {g}}", "l"}, {"${{3.6} >=level {3.11} ? {l} : {g}}", "g"},
		{"${{2.0} ==level {2} ? {l} : {g}}", "l"}, {"${{3.10} >level {3.9} ? {l} : {g}}", "l"}, {"${{3.9.1} <level {3.10} ? {l} : {g}}", "l"},
		{"$cond", "yes"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := Expand(tt.text, lookup)
			if err != nil || got != tt.want {
				t.Fatalf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestExpandRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a dollar sign alone", "foo$", "empty macro name"},
		{"a dollar sign before a space", "foo$ bar", "written $$"},
		{"empty braces", "${}", "empty macro name"},
		{"empty parentheses", "$()", "empty macro name"},
		{"an open brace", "${a1", "closes"},
		{"an open operand", "${a1?{t}", "closes"},
		{"an operand whose brace the reference takes", "${a1?{t}", "closes"},
		{"a name with a dash", "${a-b}", "not a parameter name"},
		{"a name with a dot", "${a.b?x}", "not a parameter name"},
		{"a name with a space", "${a1 b}", "not a parameter name"},
		{"a name that starts with a sign", "${-a}", "empty macro name"},
		{"no colon between operands", "${a1?{t}x}", "expected at"},
		{"a third operand", "${a1?{a}:{b}:{c}}", "unexpected text"},
		{"an operand without brace in a comparison", "${{x}==y?{a}:{b}}", "expected at"},
		{"one equals sign", "${{x} = {x}?{a}:{b}}", "one of =="},
		{"no operator", "${{a}}", "one of =="},
		{"text after a comparison", "${{a}<={b} x}", "expected at"},
		{"an operand that does not end", "${{a}=={b?{x}", "closes"},
		{"a level that is none", "${{abc} <level {3.9} ? {l} : {g}}", "compatibility level"},
		{"a level of four parts", "${{1} <level {3.9.1.1} ? {l} : {g}}", "compatibility level"},
		{"a number too large", "${{99999999999999999999} > {1} ? {gt}:{le}}", "too large"},
		{"a level too large", "${{99999999999999999999} >level {1} ? {gt}:{le}}", "too large"},
		{"a bad operand of a comparison", "${{$}=={b}}", "empty macro name"},
		{"a loop of three", "$loop1", "$loop1 -> $loop2 -> $loop3 -> $loop1"},
		{"a loop entered from outside", "a $a1 ${a1?$loop2}", "$loop2 -> $loop3 -> $loop1 -> $loop2"},
		{"a name that names itself", "$self", "$self -> $self"},
		{"a loop inside a comparison", "${{$self}=={}}", "$self -> $self"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Expand(tt.text, lookup)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %q, %v; want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestExpandIsBounded(t *testing.T) {
	chain := func(name string) (string, bool) { // n1 -> n2 -> n3 ... without a loop
		var n int
		_, _ = fmt.Sscanf(name, "n%d", &n)
		return fmt.Sprintf("$n%d", n+1), true
	}
	double := func(name string) (string, bool) { // 2^n references
		var n int
		_, _ = fmt.Sscanf(name, "n%d", &n)
		return fmt.Sprintf("$n%d$n%d", n+1, n+1), n < 50
	}
	big := func(string) (string, bool) { return strings.Repeat("x", maxResult/2), true }
	for name, tt := range map[string]struct {
		text   string
		lookup Lookup
		want   string
	}{
		"a long chain":               {"$n1", chain, "levels"},
		"a chain that doubles":       {"$n1", double, "references"},
		"the same in a comparison":   {"${{$n1}=={}}", double, "references"},
		"a large result":             {"$a$a$a", big, "longer than"},
		"operands nested very deep":  {strings.Repeat("${a?", 200) + strings.Repeat("}", 200), big, "levels"},
		"comparisons nested as deep": {strings.Repeat("${{", 200) + strings.Repeat("}=={}}", 200), big, "levels"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Expand(tt.text, tt.lookup); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"none", nil},
		{"$a $b ${c} $(d) $$e $a", []string{"a", "b", "c", "d"}},
		{"${a?{$b}:{${c:$d}}}", []string{"a", "b", "c", "d"}},
		{"${{$a} == {$b} ? {$c} : {$d}}", []string{"a", "b", "c", "d"}},
		{"$ ${} $a", []string{"a"}},
		{"${a?$b", []string{"b"}},
	}
	for _, tt := range tests {
		if got := References(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%q refers to %q, want %q", tt.text, got, tt.want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"$a1", "${a1?{t}:{f}}", "${{$a1} <= {x} ? {a} : ${b}}", "$(a1:x)$$", "${a1?$loop1}", "${{1}<level{3.6}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Expand(text, lookup)
		if len(got) > maxResult {
			t.Fatalf("%d bytes", len(got))
		}
		if err == nil && !strings.Contains(text, "$") && got != text {
			t.Fatalf("%q became %q", text, got)
		}
		for _, name := range References(text) {
			if nameLength(name) != len(name) || name == "" {
				t.Fatalf("%q is not a name", name)
			}
		}
	})
}
