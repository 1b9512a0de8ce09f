package maincf

import (
	"reflect"
	"strings"
	"testing"

	"github.com/knadh/koanf/v2"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, data string
		want       []Setting
	}{
		{"nothing", "\n# only a comment\n", nil},
		{"name = value", "myhostname = mail.example.com\n", []Setting{{"myhostname", "mail.example.com", 1}}},
		{"no white space", "a=b", []Setting{{"a", "b", 1}}},
		{"white space around", "a \t = \t b c \t\r\n", []Setting{{"a", "b c", 1}}},
		{"an empty value", "relayhost =\n\nx=\n", []Setting{{"relayhost", "", 1}, {"x", "", 3}}},
		{"equals signs in the value", "a = b = c==d", []Setting{{"a", "b = c==d", 1}}},
		{"a hash in the value", "a = b # c", []Setting{{"a", "b # c", 1}}},
		{"continuation with a comment inside", "# head\nmynetworks = 127.0.0.0/8,\n# lab\n  10.0.0.0/8\n\n\t[::1]/128\nnext = 1\n",
			[]Setting{{"mynetworks", "127.0.0.0/8,  10.0.0.0/8\t[::1]/128", 2}, {"next", "1", 7}}},
		{"a value that starts on the second line", "a =\n  b\n", []Setting{{"a", "b", 1}}},
		{"an equals sign on the second line", "a\n = b\n", []Setting{{"a", "b", 1}}},
		{"a name set twice", "a = 1\na = 2\n", []Setting{{"a", "1", 1}, {"a", "2", 2}}},
		{"names with other characters", "smtp-amavis_destination_recipient_limit = 1\n2bounce_notice_recipient = x",
			[]Setting{{"smtp-amavis_destination_recipient_limit", "1", 1}, {"2bounce_notice_recipient", "x", 2}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := Parse("main.cf", []byte(tt.data))
			if len(problems) > 0 || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %v %v, want %v", got, problems, tt.want)
			}
		})
	}
}

func TestParseGoesOnAfterALineItCannotRead(t *testing.T) {
	got, problems := Parse("/etc/x/main.cf", []byte("  a = 1\nno equals sign\n= value\n\n\nb c = 2\nd = 3\n"))
	want := []Setting{{"a", "1", 1}, {"d", "3", 7}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	wantProblems := []string{
		"/etc/x/main.cf:1: the first line begins with white space",
		`/etc/x/main.cf:2: missing '=' after attribute name: "no equals sign"`,
		`/etc/x/main.cf:3: missing attribute name: "= value"`,
		`/etc/x/main.cf:6: missing '=' after attribute name: "b c = 2"`,
	}
	if len(problems) != len(wantProblems) {
		t.Fatalf("got %v", problems)
	}
	for i, p := range problems {
		if p.Error() != wantProblems[i] {
			t.Errorf("got %q, want %q", p, wantProblems[i])
		}
	}
}

func TestANullCharacterIsRefused(t *testing.T) {
	if got, problems := Parse("f", []byte("a = 1\nb = \x00\n")); len(got) > 0 || len(problems) != 1 || problems[0].Line != 2 {
		t.Fatalf("got %v %v", got, problems)
	}
}

// provider gives koanf a text.
type provider string

func (p provider) ReadBytes() ([]byte, error)    { return []byte(p), nil }
func (p provider) Read() (map[string]any, error) { return nil, nil }

func TestParserIsALayerOfKoanf(t *testing.T) {
	k := koanf.New("\x00")
	var lines []int
	parser := Parser{File: "main.cf", OnSetting: func(s Setting) { lines = append(lines, s.Line) }}
	if err := k.Load(provider("a = 1\nb.c = 2\n"), parser); err != nil {
		t.Fatal(err)
	}
	if err := k.Load(provider("a = 3\n"), parser); err != nil {
		t.Fatal(err)
	}
	if k.String("a") != "3" || k.String("b.c") != "2" || !reflect.DeepEqual(lines, []int{1, 2, 1}) {
		t.Fatalf("got %v, lines %v", k.All(), lines)
	}
	out, err := k.Marshal(parser)
	if err != nil || string(out) != "a = 3\nb.c = 2\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

func TestUnmarshalFailsUnlessProblemsAreTaken(t *testing.T) {
	if _, err := (Parser{File: "m"}).Unmarshal([]byte("x\ny\n")); err == nil || !strings.Contains(err.Error(), "m:2: ") {
		t.Errorf("got %v", err)
	}
	n := 0
	got, err := Parser{OnProblem: func(*SyntaxError) { n++ }}.Unmarshal([]byte("x\na = 1\n"))
	if err != nil || n != 1 || got["a"] != "1" {
		t.Errorf("got %v, %v after %d problems", got, err, n)
	}
}

func TestMarshalRefusesWhatMainCfCannotHold(t *testing.T) {
	for _, m := range []map[string]any{{"a b": ""}, {"": "x"}, {"a=": "x"}, {"#a": "x"}, {"a": "x\ny"}, {"a": "\x00"}} {
		if out, err := (Parser{}).Marshal(m); err == nil {
			t.Errorf("%v became %q", m, out)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a = b,\n  c\n#\n d\nx=y"))
	f.Add([]byte(" a\n= \nb c = d"))
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, problems := Parse("f", data)
		values := map[string]any{}
		for _, s := range settings {
			if s.Name == "" || strings.ContainsAny(s.Name, white+"=") || strings.Trim(s.Value, white) != s.Value || s.Line < 1 {
				t.Fatalf("%+v", s)
			}
			values[s.Name] = s.Value
		}
		for _, p := range problems {
			if p.Line < 1 || p.Problem == "" {
				t.Fatalf("%+v", p)
			}
		}
		roundTrip(t, values)
	})
}

func roundTrip(t *testing.T, values map[string]any) {
	t.Helper()
	text, err := (Parser{}).Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	got, err := (Parser{}).Unmarshal(text)
	if err != nil || !reflect.DeepEqual(got, values) {
		t.Fatalf("%q became %q, %v", values, got, err)
	}
}
