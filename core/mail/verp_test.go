package mail

import "testing"

func TestVERPSender(t *testing.T) {
	for _, c := range []struct{ delimiters, sender, original, address, want string }{
		{"+=", "list@site.test", "user@far.test", "user@far.test", "list+user=far.test@site.test"},
		{"+=", "list@site.test", "alias@here.test", "user@far.test", "list+alias=here.test@site.test"},
		{"-=", "owner-list@site.test", "", "user@far.test", "owner-list-user=far.test@site.test"},
		{"+=", "list", "user", "", "list+user"},
		{"+=", "list@site.test", `"a@b"@far.test`, "", `list+"a@b"=far.test@site.test`},
	} {
		r := &Recipient{Address: c.address, Original: c.original}
		if got := VERPSender(c.delimiters, c.sender, r); got != c.want {
			t.Errorf("%s, %s: got %s, want %s", c.sender, c.original, got, c.want)
		}
	}
	for text, want := range map[string]bool{"+=": true, "==": true, "+": false, "+=-": false, "": false, "+x": false} {
		if got := VERPDelimiters(text, "-=+"); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
