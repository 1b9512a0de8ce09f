package passwd

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Limits of what a check may cost, whatever a table says.
const (
	maxBcryptCost = 16
	maxArgonKiB   = 1 << 20
	maxArgonTime  = 64
	maxRounds     = 5_000_000
	maxIterations = 5_000_000
	// minIterations is what RFC 7677 §4 wants at least.
	minIterations = 4096
)

// commonHash is compared with the passwords of nobody until somebody's is known; no password has it.
const commonHash = "$2b$10$....................................................."

// hash is a password's.
type hash interface {
	// verify reports whether the password has it, in a time that does not depend on that.
	verify(password string) bool
}

var errNoHash = errors.New("its value is no hash of a kind that is known")

// parse reads a hash, with or without the name of its scheme.
func parse(s string) (hash, error) {
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		scheme, text, ok := strings.Cut(rest, "}")
		if !ok {
			return nil, errNoHash
		}
		if strings.EqualFold(scheme, "SCRAM-SHA-256") {
			return parseSCRAM(text)
		}
		s = text
	}
	switch {
	case strings.HasPrefix(s, "$2a$"), strings.HasPrefix(s, "$2b$"), strings.HasPrefix(s, "$2y$"):
		return parseBcrypt(s)
	case strings.HasPrefix(s, "$argon2id$"):
		return parseArgon(s)
	case strings.HasPrefix(s, "$5$"), strings.HasPrefix(s, "$6$"):
		return parseSHACrypt(s)
	}
	return nil, errNoHash
}

type bcryptHash []byte

func parseBcrypt(s string) (hash, error) {
	cost, err := bcrypt.Cost([]byte(s))
	switch {
	case err != nil || len(s) != 60:
		return nil, errNoHash
	case cost > maxBcryptCost:
		return nil, fmt.Errorf("bcrypt of cost %d: more than %d holds up the server", cost, maxBcryptCost)
	}
	return bcryptHash(s), nil
}

// verify reports whether the password has the hash.
func (h bcryptHash) verify(password string) bool {
	return bcrypt.CompareHashAndPassword(h, []byte(password)) == nil
}

type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// parseArgon reads $argon2id$v=19$m=65536,t=3,p=4$salt$hash.
func parseArgon(s string) (hash, error) {
	f := strings.Split(s, "$")
	if len(f) != 6 || f[2] != "v=19" {
		return nil, errNoHash
	}
	var h argonHash
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return nil, errNoHash
	}
	if h.memory == 0 || h.memory > maxArgonKiB || h.time == 0 || h.time > maxArgonTime || h.threads == 0 {
		return nil, fmt.Errorf("argon2id of %s: more than m=%d,t=%d holds up the server", f[3], maxArgonKiB, maxArgonTime)
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(f[4])
	h.sum, err2 = base64.RawStdEncoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(h.sum) < 16 || len(h.sum) > 128 {
		return nil, errNoHash
	}
	return h, nil
}

// verify reports whether the password has the hash.
func (h argonHash) verify(password string) bool {
	sum := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// scramKeys are what a SCRAM server knows of a user (RFC 5802 §3).
type scramKeys struct {
	iterations        int
	salt              []byte
	storedKey, server []byte
}

// parseSCRAM reads iterations,salt,StoredKey,ServerKey.
func parseSCRAM(s string) (hash, error) {
	f := strings.Split(s, ",")
	if len(f) != 4 {
		return nil, errNoHash
	}
	n, err := strconv.Atoi(f[0])
	if err != nil || n < minIterations || n > maxIterations {
		return nil, fmt.Errorf("SCRAM with %q iterations: %d to %d are allowed", f[0], minIterations, maxIterations)
	}
	h := scramKeys{iterations: n}
	for i, to := range []*[]byte{&h.salt, &h.storedKey, &h.server} {
		if *to, err = base64.StdEncoding.DecodeString(f[i+1]); err != nil || len(*to) == 0 {
			return nil, errNoHash
		}
	}
	if len(h.storedKey) != sha256.Size || len(h.server) != sha256.Size {
		return nil, errNoHash
	}
	return h, nil
}

// verify reports whether the password has the keys.
func (h scramKeys) verify(password string) bool {
	salted, err := pbkdf2.Key(sha256.New, password, h.salt, h.iterations, sha256.Size)
	if err != nil {
		return false
	}
	m := hmac.New(sha256.New, salted)
	m.Write([]byte("Client Key"))
	stored := sha256.Sum256(m.Sum(nil))
	return subtle.ConstantTimeCompare(stored[:], h.storedKey) == 1
}
