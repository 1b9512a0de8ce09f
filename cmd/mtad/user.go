package main

import (
	"fmt"
	"os"
	"os/user"
	"strings"
	"unicode"
	"unicode/utf8"
)

// login is who runs the command.
type login struct {
	name, fullName string
	uid            int
}

// String is "name(uid)", as Postfix names a user in messages.
func (l login) String() string { return fmt.Sprintf("%s(%d)", l.name, l.uid) }

// currentUser finds who runs the command, not what the environment says of it. The full name is
// fullName if it is not empty, NAME of the environment, or the one in the password file.
func currentUser(fullName string) (login, error) {
	uid := os.Getuid()
	u, err := user.LookupId(fmt.Sprint(uid))
	if err != nil {
		return login{}, fmt.Errorf("no login name found for user ID %d", uid)
	}
	l := login{name: u.Username, uid: uid, fullName: fullName}
	if l.fullName == "" {
		l.fullName = os.Getenv("NAME")
	}
	if l.fullName == "" {
		l.fullName = gecosName(u.Name, u.Username)
	}
	return l, nil
}

// gecosName is the name in a field of the password file: up to the first comma, "&" standing for
// the login name with a capital.
func gecosName(gecos, username string) string {
	name, _, _ := strings.Cut(gecos, ",")
	first, size := utf8.DecodeRuneInString(username)
	if size == 0 {
		return strings.ReplaceAll(name, "&", "")
	}
	return strings.ReplaceAll(name, "&", string(unicode.ToUpper(first))+username[size:])
}
