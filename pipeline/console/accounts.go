package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Rights say what an account may do. View lets it see everything but the texts of messages, Act
// change the queue too; Read lets it see texts.
type Rights uint8

// The rights, as bits of Rights.
const (
	View Rights = 1 << iota
	Act
	Read
)

// ParseRights reads "view", "act" or either with ",read": words separated by commas. Act holds View.
func ParseRights(text string) (Rights, error) {
	var r Rights
	for word := range strings.SplitSeq(text, ",") {
		switch word {
		case "view":
			r |= View
		case "act":
			r |= View | Act
		case "read":
			r |= Read
		default:
			return 0, fmt.Errorf("no such right: %.40q (view, act, read)", word)
		}
	}
	if r&View == 0 {
		return 0, errors.New("read goes with view or act")
	}
	return r, nil
}

// String is what ParseRights reads.
func (r Rights) String() string {
	words := []string{"view"}
	if r&Act != 0 {
		words[0] = "act"
	}
	if r&Read != 0 {
		words = append(words, "read")
	}
	return strings.Join(words, ",")
}

// Bounds of the password file and what is in it.
const (
	maxFile     = 64 << 10 // bytes
	maxAccounts = 500
	maxName     = 64
	// MaxPassword is the longest password, in bytes: bcrypt sees no more.
	MaxPassword = 72
	// MinPassword is the shortest one that Entry takes.
	MinPassword = 10
	// cost is bcrypt's for new entries, about a quarter of a second; maxCost keeps a line of the file
	// from keeping a core busy for minutes.
	cost, maxCost = 12, 15
)

type account struct {
	name   string
	rights Rights
	hash   []byte
}

func (a *account) may(r Rights) bool { return a.rights&r == r }

// Entry makes a line for the password file: NAME:RIGHTS:HASH, without the line's end. It takes about
// a quarter of a second.
func Entry(name string, rights Rights, password string) (string, error) {
	switch {
	case !validName(name):
		return "", fmt.Errorf("bad name: %.80q (letters, digits, dot, dash, underscore, at most %d)", name, maxName)
	case len(password) < MinPassword || len(password) > MaxPassword:
		return "", fmt.Errorf("a password has %d to %d bytes", MinPassword, MaxPassword)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	return name + ":" + rights.String() + ":" + string(hash), nil
}

func validName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, c := range []byte(s) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// loadAccounts reads a password file. It is read for every request: who is taken out of it is out at
// once.
func loadAccounts(path string) (map[string]*account, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case st.Mode().Perm()&0o027 != 0:
		return nil, fmt.Errorf("%s: its group may write it, or others may use it (mode %04o; 0640 will do)", path, st.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	all, err := parseAccounts(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// CheckFile returns what keeps a password file from letting anybody in: it cannot be read, its mode is
// too wide, a line is bad, there is no account.
func CheckFile(path string) error {
	all, err := loadAccounts(path)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: no account (mtad console password makes one)", path)
	}
	return err
}

// parseAccounts reads the lines of a password file. One bad line makes all of it bad: half of a file
// that is being edited must not decide who gets in.
func parseAccounts(text []byte) (map[string]*account, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("more than %d bytes", maxFile)
	}
	all := map[string]*account{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		a, err := parseAccount(string(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if all[a.name] != nil {
			return nil, fmt.Errorf("line %d: %s is there already", n, a.name)
		}
		if all[a.name] = a; len(all) > maxAccounts {
			return nil, fmt.Errorf("more than %d accounts", maxAccounts)
		}
	}
	return all, nil
}

func parseAccount(line string) (*account, error) {
	name, rest, _ := strings.Cut(line, ":")
	words, hash, ok := strings.Cut(rest, ":")
	if !ok || !validName(name) {
		return nil, errors.New("not NAME:RIGHTS:HASH")
	}
	rights, err := ParseRights(words)
	if err != nil {
		return nil, err
	}
	n, err := bcrypt.Cost([]byte(hash))
	if err != nil || len(hash) != 60 {
		return nil, errors.New("the hash is none of bcrypt")
	}
	if n > maxCost {
		return nil, fmt.Errorf("the hash has cost %d; at most %d", n, maxCost)
	}
	return &account{name, rights, []byte(hash)}, nil
}

// verify reports whether a password is an account's; a is nil for a name that is not there, which takes as
// long as a wrong password: some hash is compared in any case.
func verify(a *account, all map[string]*account, password string) bool {
	hash := []byte(nobodysHash)
	for _, other := range all {
		hash = other.hash
		break
	}
	if a != nil {
		hash = a.hash
	}
	err := bcrypt.CompareHashAndPassword(hash, []byte(password)) // in constant time
	return err == nil && a != nil && len(password) <= MaxPassword
}

// nobodysHash is that of no password anybody knows, with the cost of new entries.
const nobodysHash = "$2a$12$q4lqF/37xn4CiRua5Bi3i.SCXOg8vtNl71JBXDCyG4Pl1kyQUW/WW"
