package compose_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/pipeline/pickup/compose"
)

func TestAddresses(t *testing.T) {
	tests := []struct {
		name, list string
		want       []string
	}{
		{"nothing", "", nil},
		{"only white space and commas", " , ,\r\n\t;", nil},
		{"one address", "a@b.example", []string{"a@b.example"}},
		{"without a domain", "root, postmaster", []string{"root", "postmaster"}},
		{"a name before it", "A. B. C <a@b.example>", []string{"a@b.example"}},
		{"a quoted name with a comma", `"Last, First" <a@b.example>, c@d.example`, []string{"a@b.example", "c@d.example"}},
		{"comments, nested too", `a(one(two)\))@b.example (three, four), c@d.example`, []string{"a@b.example", "c@d.example"}},
		{"a group", "friends: a@b.example, c@d.example;, e@f.example", []string{"a@b.example", "c@d.example", "e@f.example"}},
		{"an empty group", "undisclosed-recipients:;", nil},
		{"a quoted local part stays quoted", `"q u"@b.example`, []string{`"q u"@b.example`}},
		{"quotes that are not needed go", `"plain"@b.example`, []string{"plain@b.example"}},
		{"a comma in a quoted local part", `<"a,b"@c.example>`, []string{`"a,b"@c.example`}},
		{"a source route", "<@r1.example,@r2.example:a@b.example>", []string{"a@b.example"}},
		{"the null address", "<>", []string{""}},
		{"folded", "a@b.example,\n\tc@d.example", []string{"a@b.example", "c@d.example"}},
		{"a domain literal", "a@[IPv6:::1]", []string{"a@[IPv6:::1]"}},
		{"an unclosed bracket", "<a@b.example", []string{"a@b.example"}},
		{"an unclosed quote", `"a b`, []string{`"a b"`}},
		{"UTF-8", "ü@ö.example", []string{"ü@ö.example"}},
		{"white space around the at sign", "a @ b.example", []string{"a@b.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := compose.Addresses(tt.list); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzAddresses: no input makes it panic, and an address is one address.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{`"a, b" <c@d>, e(f(g)h)@i; j:`, "<@a,@b:c@d>", `"a\"`, "(", `\`, "<a:b,c>", `a"b"@c`, "<\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		for _, a := range compose.Addresses(list) {
			if a == "" {
				continue
			}
			local, _, _ := addr.Split(a)
			if !addr.IsDotString(local) && !strings.HasPrefix(local, `"`) {
				t.Fatalf("%q of %q has a local part that is neither a dot-string nor quoted", a, list)
			}
		}
	})
}

func read(t *testing.T, in string, o compose.Options) (*compose.Message, string) {
	t.Helper()
	m, err := compose.Read(iotest.HalfReader(strings.NewReader(in)), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	r, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || int64(len(text)) != m.Size() {
		t.Fatalf("%d bytes of %d: %v", len(text), m.Size(), err)
	}
	return m, string(text)
}

func TestRead(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	tests := []struct {
		name, in   string
		o          compose.Options
		text       string
		recipients []string
	}{
		{"text is kept", "Subject: x\nX:\ty\n z\n\nhi\n\n", compose.Options{}, "Subject: x\nX:\ty\n z\n\nhi\n\n", nil},
		{"nothing at all", "", compose.Options{}, "", nil},
		{"CRLF is kept", "A: b\r\n\r\nc\r\n", compose.Options{}, "A: b\r\n\r\nc\r\n", nil},
		{"no line end at the end", "A: b\n\nc", compose.Options{}, "A: b\n\nc", nil},
		{"a header without an end", "A: b", compose.Options{}, "A: b\n", nil},
		{"no header", "hi there\n", compose.Options{}, "hi there\n", nil},
		{"a dot ends it", "A: b\n\nc\n.\nd\n", compose.Options{}, "A: b\n\nc\n", nil},
		{"a dot with CRLF ends it", "A: b\r\n\r\nc\r\n.\r\nd\r\n", compose.Options{}, "A: b\r\n\r\nc\r\n", nil},
		{"a dot ends it in the header", "A: b\n.\n\nd\n", compose.Options{}, "A: b\n", nil},
		{"a dot does not end it with -i", "A: b\n\nc\n.\nd\n", compose.Options{IgnoreDots: true}, "A: b\n\nc\n.\nd\n", nil},
		{"two dots do not end it", "\n..\n", compose.Options{}, "\n..\n", nil},
		{"lines of mbox go", "From a b c\n>From d\n>>From e\nA: b\n\nFrom here\n", compose.Options{}, "A: b\n\nFrom here\n", nil},
		{"a long line", "A: b\n\n" + long + "\n.\n", compose.Options{}, "A: b\n\n" + long + "\n", nil},
		{"a dot inside a long line", "\n" + strings.Repeat("x", 65535) + ".\nz", compose.Options{},
			"\n" + strings.Repeat("x", 65535) + ".\nz", nil},
		{"recipients of the header, Bcc removed", "To: a@b, C <c@d>\nBcc: e@f,\n g@h\nCc: i@j, a@b\n\nx\n",
			compose.Options{Extract: true}, "To: a@b, C <c@d>\nCc: i@j, a@b\n\nx\n", []string{"a@b", "c@d", "e@f", "g@h", "i@j"}},
		{"arguments stand first", "To: a@b\n\n", compose.Options{Extract: true, Recipients: []string{"z@z", "a@b"}},
			"To: a@b\n\n", []string{"z@z", "a@b"}},
		{"resent", "To: a@b\nBcc: c@d\nResent-To: e@f\nresent-bcc: g@h\n\n", compose.Options{Extract: true},
			"To: a@b\nResent-To: e@f\n\n", []string{"e@f", "g@h"}},
		{"without -t the header stays", "To: a@b\nBcc: c@d\n\n", compose.Options{Recipients: []string{"z"}},
			"To: a@b\nBcc: c@d\n\n", []string{"z"}},
		{"a full name", "A: b\n\n", compose.Options{FullName: "Jo Doe", Sender: "jo"}, "A: b\nFrom: Jo Doe <jo>\n\n", nil},
		{"a full name that needs quotes", "\n", compose.Options{FullName: `J. "X" D`, Sender: "jo"}, "From: \"J. \\\"X\\\" D\" <jo>\n\n", nil},
		{"a full name that smuggles", "\n", compose.Options{FullName: "a\nBcc: x", Sender: "jo"}, "From: \"a Bcc: x\" <jo>\n\n", nil},
		{"a From is there", "from: me\n\n", compose.Options{FullName: "Jo", Sender: "jo"}, "from: me\n\n", nil},
		{"a full name, resent", "From: x\nResent-To: y\n\n", compose.Options{FullName: "Jo", Sender: "jo"},
			"From: x\nResent-To: y\nResent-From: Jo <jo>\n\n", nil},
		{"a full name that is not ASCII", "\n", compose.Options{FullName: "Jürgen Groß", Sender: "jo"}, "From: =?utf-8?b?SsO8cmdlbiBHcm/Dnw==?= <jo>\n\n", nil},
		{"a full name, of which base64 is shorter", "\n", compose.Options{FullName: "Ёлка", Sender: "jo", Charset: "x-own"}, "From: =?x-own?b?0IHQu9C60LA=?= <jo>\n\n", nil},
		{"a full name behind the address", "\n", compose.Options{FullName: `Jo (J) D\`, Sender: "jo", Obsolete: true}, `From: jo (Jo \(J\) D\\)` + "\n\n", nil},
		{"a full name behind the address that smuggles", "\n", compose.Options{FullName: "a\nBcc: ü", Sender: "jo", Obsolete: true}, "From: jo (=?utf-8?b?YQpCY2M6IMO8?=)\n\n", nil},
		{"a full name and no sender", "\n", compose.Options{FullName: "Jo"}, "\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, text := read(t, tt.in, tt.o)
			if text != tt.text || !slices.Equal(m.Recipients, tt.recipients) {
				t.Errorf("got  %.300q %q\nwant %.300q %q", text, m.Recipients, tt.text, tt.recipients)
			}
		})
	}
}

func TestReadFindsOutWhatTheMessageNeeds(t *testing.T) {
	tests := []struct {
		name, in       string
		o              compose.Options
		utf8, eightBit bool
	}{
		{"ASCII", "A: b\n\nc\n", compose.Options{Sender: "a"}, false, false},
		{"an 8-bit body", "A: b\n\n\xe4\n", compose.Options{}, false, true},
		{"a UTF-8 header", "A: ü\n\n", compose.Options{}, true, true},
		{"a Latin-1 header", "A: \xfc\n\n", compose.Options{}, false, true},
		{"a UTF-8 sender", "\n", compose.Options{Sender: "ü"}, true, false},
		{"a UTF-8 recipient", "\n", compose.Options{Recipients: []string{"ü"}}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if m, _ := read(t, tt.in, tt.o); m.SMTPUTF8 != tt.utf8 || m.EightBit != tt.eightBit {
				t.Errorf("got %v %v", m.SMTPUTF8, m.EightBit)
			}
		})
	}
}

func TestALargeMessageGoesToAFileAndComesBackTwice(t *testing.T) {
	in := "A: b\n\n" + strings.Repeat("0123456789abcde\n", 400_000)
	m, text := read(t, in, compose.Options{})
	r, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	again, err := io.ReadAll(r)
	if text != in || string(again) != in || err != nil {
		t.Errorf("got %d and %d bytes of %d, %v", len(text), len(again), len(in), err)
	}
}

func TestReadRefuses(t *testing.T) {
	broken := errors.New("disk")
	tests := []struct {
		name string
		in   io.Reader
		o    compose.Options
		want error
	}{
		{"-t without recipients", strings.NewReader("A: b\n\n"), compose.Options{Extract: true}, compose.ErrNoRecipients},
		{"too much", strings.NewReader("A: b\n\n0123456789"), compose.Options{SizeLimit: 10}, compose.ErrTooBig},
		{"a failing input", io.MultiReader(strings.NewReader("A: b\n\nx"), iotest.ErrReader(broken)), compose.Options{}, broken},
		{"an input that fails in the header", iotest.ErrReader(broken), compose.Options{}, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := compose.Read(tt.in, tt.o); !errors.Is(err, tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
