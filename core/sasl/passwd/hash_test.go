package passwd

import "testing"

// Hashes of "secret" by openssl passwd.
func TestCryptIsThatOfOthers(t *testing.T) {
	for _, s := range []string{
		"$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
		"$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
	} {
		h, err := parse(s)
		if err != nil || !h.verify("secret") || h.verify("Secret") || h.verify("") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestNobodysHashIsOneThatCosts(t *testing.T) {
	h, err := parse(commonHash)
	if err != nil || h.verify("") {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("{BLF-CRYPT}$2y$05$bJ.kcC1OEbFmJ6A7xu.SbeuFDC46U6vDw5Bzs..RW1eZ6oBiIaoeW")
	f.Add("$argon2id$v=19$m=65536,t=3,p=1$6989mFmQYczJKPdZ/A7gIA$UwTvvPG3GCPLqB522mZFo3ufWfztvAqc3SvyCkZ9EAc")
	f.Add("$6$rounds=1000$salt$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parse(s)
		if (h == nil) != (err != nil) {
			t.Fatalf("%q: %v, %v", s, h, err)
		}
		if c, ok := h.(shaCrypt); ok && c.rounds == leastRounds {
			c.verify(s)
		}
	})
}
