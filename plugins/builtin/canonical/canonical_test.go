package canonical_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
)

// rewrite asks a built-in about an address of each class.
func rewrite(t *testing.T, kind string, config map[string]string, address string) (results []string, refused string) {
	t.Helper()
	m, err := builtin.Load("p", kind, config)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	env := mail.Envelope{Origin: mail.Origin{Kind: mail.KindSMTP}}
	msg := hook.NewSet([]hook.Plugin{{Module: m}}, hook.Options{}).Session(&env.Origin).Begin(&env)
	for _, class := range []string{hook.EnvelopeSender, hook.EnvelopeRecipient, hook.HeaderSender, hook.HeaderRecipient} {
		got, e := msg.Rewrite(context.Background(), class, address)
		if e != nil {
			return nil, e.Reply.String()
		}
		results = append(results, got)
	}
	return results, ""
}

func TestAddressesAreMapped(t *testing.T) {
	table := filepath.Join(t.TempDir(), "table")
	if err := os.WriteFile(table, []byte("a@x.test b@x.test\nb@x.test c@x.test\n@old.test @new.test\nlogin Full.Name\nl1@x.test l2@x.test\nl2@x.test l1@x.test\n"+
		"many@x.test m1@x.test, m2@x.test\nlong@x.test "+strings.Repeat("l", 400)+"@x.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	maps := "texthash:" + table
	for _, c := range []struct {
		name    string
		config  map[string]string
		address string
		want    string // what the four classes become; "=" when it stays
	}{
		{"again and again", map[string]string{"canonical_maps": maps}, "a@x.test", "c@x.test c@x.test c@x.test c@x.test"},
		{"a sender only", map[string]string{"sender_canonical_maps": maps}, "a@x.test", "c@x.test = c@x.test ="},
		{"a recipient only", map[string]string{"recipient_canonical_maps": maps}, "a@x.test", "= c@x.test = c@x.test"},
		{"a class only", map[string]string{"canonical_maps": maps, "canonical_classes": "header_sender"}, "a@x.test", "= = c@x.test ="},
		{"a whole domain", map[string]string{"canonical_maps": maps}, "u@old.test", "u@new.test u@new.test u@new.test u@new.test"},
		{"with its extension", map[string]string{"sender_canonical_maps": maps, "recipient_delimiter": "+"}, "a+e@x.test", "c+e@x.test = c+e@x.test ="},
		{"without its extension", map[string]string{"sender_canonical_maps": maps, "recipient_delimiter": "+", "propagate_unmatched_extensions": "virtual"}, "a+e@x.test", "c@x.test = c@x.test ="},
		{"a bare user of ours", map[string]string{"sender_canonical_maps": maps, "mydestination": "here.test", "myorigin": "x.test"}, "login@here.test", "Full.Name@x.test = Full.Name@x.test ="},
		{"not of others", map[string]string{"sender_canonical_maps": maps, "mydestination": "here.test", "myorigin": "x.test"}, "login@there.test", "= = = ="},
		{"the first of several", map[string]string{"sender_canonical_maps": maps}, "many@x.test", "m1@x.test = m1@x.test ="},
		{"nothing that could not stand there", map[string]string{"canonical_maps": maps}, "long@x.test", "= = = ="},
		{"a pattern", map[string]string{"sender_canonical_maps": "inline:{ { n@x.test = \"q q\"@x.test } }"}, "n@x.test", `"q q"@x.test = "q q"@x.test =`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, refused := rewrite(t, "canonical", c.config, c.address)
			for i := range got {
				if got[i] == c.address {
					got[i] = "="
				}
			}
			if strings.Join(got, " ") != c.want || refused != "" {
				t.Fatalf("got %q %s, want %q", got, refused, c.want)
			}
		})
	}
	for config, want := range map[string]string{maps: "451 4.6.0 Alias expansion error", "fail:maintenance": "451 4.3.0"} {
		if _, refused := rewrite(t, "canonical", map[string]string{"canonical_maps": config}, "l1@x.test"); !strings.HasPrefix(refused, want) {
			t.Errorf("%s: got %q, want %q", config, refused, want)
		}
	}
}

func TestHostsAreHidden(t *testing.T) {
	config := map[string]string{"masquerade_domains": "!keep.x.test x.test", "masquerade_exceptions": "root"}
	for address, want := range map[string]string{
		"u@h.x.test":      "u@x.test u@h.x.test u@x.test u@x.test",
		"u@h.keep.x.test": "u@h.keep.x.test u@h.keep.x.test u@h.keep.x.test u@h.keep.x.test",
		"Root@h.x.test":   "Root@h.x.test Root@h.x.test Root@h.x.test Root@h.x.test",
		"u@y.test":        "u@y.test u@y.test u@y.test u@y.test",
	} {
		if got, refused := rewrite(t, "masquerade", config, address); strings.Join(got, " ") != want {
			t.Errorf("%s: got %q %s", address, got, refused)
		}
	}
	config["masquerade_classes"] = "envelope_recipient"
	if got, _ := rewrite(t, "masquerade", config, "u@h.x.test"); strings.Join(got, " ") != "u@h.x.test u@x.test u@h.x.test u@h.x.test" {
		t.Errorf("got %q", got)
	}
	config["masquerade_exceptions"] = "fail:maintenance"
	if _, refused := rewrite(t, "masquerade", config, "u@h.x.test"); !strings.HasPrefix(refused, "451 4.3.0") {
		t.Errorf("a table that cannot be asked gives %q", refused)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	for _, c := range []struct {
		kind   string
		config map[string]string
		want   string
	}{
		{"canonical", map[string]string{}, "set canonical_maps"},
		{"canonical", map[string]string{"colour": "red"}, "no such setting"},
		{"canonical", map[string]string{"canonical_maps": "what:x"}, "canonical_maps"},
		{"canonical", map[string]string{"canonical_maps": "static:x", "canonical_classes": "nowhere"}, "unknown class"},
		{"canonical", map[string]string{"canonical_maps": "static:x", "mydestination": "what:x"}, "mydestination"},
		{"masquerade", map[string]string{}, "set masquerade_domains"},
		{"masquerade", map[string]string{"colour": "red"}, "no such setting"},
		{"masquerade", map[string]string{"masquerade_domains": "x", "masquerade_classes": "nowhere"}, "unknown class"},
		{"masquerade", map[string]string{"masquerade_domains": "x", "masquerade_exceptions": "what:x"}, "masquerade_exceptions"},
	} {
		if _, err := builtin.Load("p", c.kind, c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v, want %q", c.kind, c.config, err, c.want)
		}
	}
}
