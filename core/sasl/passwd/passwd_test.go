package passwd_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/sasl/passwd"
)

// Hashes of "sécret pass" that doveadm pw made, one of each kind.
var users = table{
	"bcrypt@a.test": "{BLF-CRYPT}$2y$05$bJ.kcC1OEbFmJ6A7xu.SbeuFDC46U6vDw5Bzs..RW1eZ6oBiIaoeW",
	"argon@a.test":  "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$6989mFmQYczJKPdZ/A7gIA$UwTvvPG3GCPLqB522mZFo3ufWfztvAqc3SvyCkZ9EAc",
	"sha512@a.test": "{SHA512-CRYPT}$6$itsA70a/LtLLC29S$6sDPyVOLsW7zKulfKc2RpNzStgcECzhouGj0Ifp7z4PLoOxpUPo3SJ.BO9NPJZIKunny07SkXy6R1PPMZPdGG/",
	"sha256@a.test": "$5$kBYDbhqW9YEvdQMr$YOPJ8EU93Sn1Rqy5Cxadcz5RLwaze.rm1rh4aOQE8k.",
	"scram@a.test":  "{SCRAM-SHA-256}4096,u48jHjA2ltcamw0qSpjQ/g==,Bm1FAc/lOCQosDJCizbgrGksRl67gG6hXHAnyytSYNc=,5m0P8aWWRZWLEY0d3JAN6W8zcVnkSxibOg9V3T6HiPw=",
	"plain@a.test":  "sécret pass",
	"dear@a.test":   "$argon2id$v=19$m=99999999,t=3,p=1$6989mFmQYczJKPdZ/A7gIA$UwTvvPG3GCPLqB522mZFo3ufWfztvAqc3SvyCkZ9EAc",
}

type table map[string]string

func (t table) Lookup(_ context.Context, user string) (string, bool, error) {
	if user == "broken@a.test" {
		return "", false, errors.New("the table is broken")
	}
	v, ok := t[user]
	return v, ok, nil
}

func server(t *testing.T) *passwd.Server {
	t.Helper()
	s, err := passwd.New(passwd.Options{Table: users, Domain: "a.test", SCRAM: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plain(t *testing.T, s sasl.Server, response string) (string, error) {
	t.Helper()
	x := s.Begin(sasl.Peer{}, "PLAIN")
	defer x.Close()
	_, done, err := x.Next(t.Context(), []byte(response))
	if done == (err != nil) {
		t.Errorf("%q: done is %v with %v", response, done, err)
	}
	return x.User(), err
}

func TestEachKindOfHashIsRead(t *testing.T) {
	s := server(t)
	for _, user := range []string{"bcrypt", "argon@a.test", "SHA512@A.test", "sha256", "scram"} {
		name, _, _ := strings.Cut(strings.ToLower(user), "@")
		if got, err := plain(t, s, "\x00"+user+"\x00sécret pass"); err != nil || got != name+"@a.test" {
			t.Errorf("%s: %q, %v", user, got, err)
		}
		var f *sasl.Failure
		if _, err := plain(t, s, "\x00"+user+"\x00sécret pasS"); !errors.As(err, &f) || f.Temporary {
			t.Errorf("%s with a wrong password: %v", user, err)
		}
	}
}

func TestWhoIsNotLetIn(t *testing.T) {
	s := server(t)
	for name, c := range map[string]struct {
		response  string
		temporary bool
	}{
		"nobody":                      {"\x00nobody\x00sécret pass", false},
		"no password":                 {"\x00bcrypt\x00", false},
		"no name":                     {"\x00\x00sécret pass", false},
		"one for another":             {"scram@a.test\x00bcrypt@a.test\x00sécret pass", false},
		"no zeros":                    {"bcrypt", false},
		"too many zeros":              {"\x00bcrypt\x00sécret pass\x00", false},
		"a very long password":        {"\x00bcrypt\x00" + strings.Repeat("x", 5000), false},
		"a value that is no hash":     {"\x00plain\x00sécret pass", true},
		"a hash that costs too much":  {"\x00dear\x00sécret pass", true},
		"a table that cannot be read": {"\x00broken\x00sécret pass", true},
	} {
		t.Run(name, func(t *testing.T) {
			var f *sasl.Failure
			_, err := plain(t, s, c.response)
			if !errors.As(err, &f) || f.Temporary != c.temporary || strings.Contains(err.Error(), "sécret") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestLoginAsksTwice(t *testing.T) {
	x := server(t).Begin(sasl.Peer{}, "LOGIN")
	defer x.Close()
	for _, step := range []struct {
		response []byte
		want     string
		done     bool
	}{{nil, "Username:", false}, {[]byte("sha256"), "Password:", false}, {[]byte("sécret pass"), "", true}} {
		challenge, done, err := x.Next(t.Context(), step.response)
		if err != nil || string(challenge) != step.want || done != step.done {
			t.Fatalf("%q: %q %v %v", step.response, challenge, done, err)
		}
	}
}

// converse carries a SCRAM exchange to its end; salt is what the server said of it.
func converse(t *testing.T, s sasl.Server, user, password string) (salt string, err error) {
	t.Helper()
	client, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		t.Fatal(err)
	}
	conv := client.NewConversation()
	x := s.Begin(sasl.Peer{}, "SCRAM-SHA-256")
	defer x.Close()
	if challenge, done, err := x.Next(t.Context(), nil); len(challenge) > 0 || done || err != nil {
		t.Fatal("the server begins")
	}
	message := ""
	for range 2 {
		response, err := conv.Step(message)
		if err != nil {
			t.Fatalf("the client: %v", err)
		}
		challenge, done, err := x.Next(t.Context(), []byte(response))
		if err != nil {
			return salt, err
		}
		if message = string(challenge); !done {
			for _, f := range strings.Split(message, ",") {
				if strings.HasPrefix(f, "s=") || strings.HasPrefix(f, "i=") {
					salt += f
				}
			}
		}
	}
	if _, err := conv.Step(message); err != nil || !conv.Valid() {
		t.Errorf("the server did not show who it is: %v", err)
	}
	if x.User() != "scram@a.test" {
		t.Errorf("user %q", x.User())
	}
	return salt, nil
}

func TestSCRAMTellsNobodyWhoThereIs(t *testing.T) {
	s := server(t)
	if _, err := converse(t, s, "scram", "sécret pass"); err != nil {
		t.Fatal(err)
	}
	salts := map[string]bool{}
	for _, user := range []string{"scram", "bcrypt", "nobody", "nobody", "somebody"} {
		salt, err := converse(t, s, user, "wrong")
		var f *sasl.Failure
		if !errors.As(err, &f) || f.Temporary || !strings.HasSuffix(salt, "i=4096") || len(salt) != len("s=u48jHjA2ltcamw0qSpjQ/g==i=4096") {
			t.Errorf("%s: %v, %s", user, err, salt)
		}
		salts[salt] = true
	}
	if len(salts) != 4 {
		t.Errorf("%d salts for four names", len(salts))
	}
	x := s.Begin(sasl.Peer{}, "SCRAM-SHA-256")
	defer x.Close()
	var f *sasl.Failure
	if _, _, err := x.Next(t.Context(), []byte("n,,n=broken,r=abc")); !errors.As(err, &f) || !f.Temporary {
		t.Errorf("a table that cannot be read: %v", err)
	}
	y := s.Begin(sasl.Peer{}, "SCRAM-SHA-256")
	defer y.Close()
	if _, _, err := y.Next(t.Context(), []byte("nonsense")); !errors.As(err, &f) || f.Temporary {
		t.Errorf("nonsense: %v", err)
	}
}
