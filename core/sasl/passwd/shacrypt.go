package passwd

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	stdhash "hash"
	"strconv"
	"strings"
)

// shaCrypt is SHA-256 or SHA-512 of crypt(3), as "Unix crypt using SHA-256 and SHA-512" says.
type shaCrypt struct {
	new    func() stdhash.Hash
	order  []int // of the octets of the sum in the text
	rounds int
	salt   string
	sum    string
}

const (
	defaultRounds = 5000
	leastRounds   = 1000
	maxSalt       = 16
)

// parseSHACrypt reads $5$ or $6$, perhaps rounds=N$, salt$hash.
func parseSHACrypt(s string) (hash, error) {
	f := strings.Split(s, "$")[1:]
	h := shaCrypt{new: sha256.New, order: order256(), rounds: defaultRounds}
	if f[0] == "6" {
		h.new, h.order = sha512.New, order512()
	}
	f = f[1:]
	if n, ok := strings.CutPrefix(f[0], "rounds="); ok {
		rounds, err := strconv.Atoi(n)
		if err != nil || rounds > maxRounds {
			return nil, errNoHash
		}
		h.rounds = max(rounds, leastRounds)
		f = f[1:]
	}
	if len(f) != 2 {
		return nil, errNoHash
	}
	h.salt, h.sum = f[0][:min(len(f[0]), maxSalt)], f[1]
	if len(h.sum) != (len(h.order)*8+5)/6 {
		return nil, errNoHash
	}
	return h, nil
}

// verify reports whether the password has the hash.
func (h shaCrypt) verify(password string) bool {
	return subtle.ConstantTimeCompare([]byte(h.text(h.compute([]byte(password)))), []byte(h.sum)) == 1
}

// compute is the sum of a password. The names are those of the specification's steps.
func (h shaCrypt) compute(key []byte) []byte {
	salt := []byte(h.salt)
	sum := func(parts ...[]byte) []byte {
		d := h.new()
		for _, p := range parts {
			d.Write(p)
		}
		return d.Sum(nil)
	}
	b := sum(key, salt, key)
	d := h.new()
	d.Write(key)
	d.Write(salt)
	d.Write(stretch(b, len(key)))
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			d.Write(b)
		} else {
			d.Write(key)
		}
	}
	a := d.Sum(nil)
	d.Reset()
	for range key {
		d.Write(key)
	}
	p := stretch(d.Sum(nil), len(key))
	d.Reset()
	for range 16 + int(a[0]) {
		d.Write(salt)
	}
	s := stretch(d.Sum(nil), len(salt))
	for i := range h.rounds {
		d.Reset()
		first, last := a, p
		if i&1 != 0 {
			first, last = p, a
		}
		d.Write(first)
		if i%3 != 0 {
			d.Write(s)
		}
		if i%7 != 0 {
			d.Write(p)
		}
		d.Write(last)
		a = d.Sum(a[:0:0])
	}
	return a
}

// stretch repeats b to n octets.
func stretch(b []byte, n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = append(out, b[:min(len(b), n-len(out))]...)
	}
	return out
}

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// text writes a sum as crypt(3) does: three octets as four characters, low bits first.
func (h shaCrypt) text(sum []byte) string {
	var b strings.Builder
	for i := 0; i < len(h.order); i += 3 {
		group := h.order[i:min(i+3, len(h.order))]
		w := 0
		for _, at := range group {
			w = w<<8 | int(sum[at])
		}
		for range (len(group)*8 + 5) / 6 {
			b.WriteByte(cryptAlphabet[w&63])
			w >>= 6
		}
	}
	return b.String()
}

// order256 and order512 are the octets of the sums in the order of the text.
func order256() []int {
	order := make([]int, 0, 32)
	for i, at := 0, [3]int{0, 10, 20}; i < 10; i++ {
		order = append(order, at[0], at[1], at[2])
		at = [3]int{(at[2] + 1) % 30, (at[0] + 1) % 30, (at[1] + 1) % 30}
	}
	return append(order, 31, 30)
}

func order512() []int {
	order := make([]int, 0, 64)
	for i, at := 0, [3]int{0, 21, 42}; i < 21; i++ {
		order = append(order, at[0], at[1], at[2])
		at = [3]int{(at[1] + 1) % 63, (at[2] + 1) % 63, (at[0] + 1) % 63}
	}
	return append(order, 63)
}
