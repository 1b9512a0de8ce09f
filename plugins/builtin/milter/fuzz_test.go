package milter

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
)

// FuzzReply: whatever a milter says, its reply is one that a host takes, or an error.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"550 5.7.1 no\x00", "451-4.7.1 a\r\n451 4.7.1 b\x00", "550", "5xx", "599 5.1000.1 100%%", "421 4.7.0\x00", "550 5.07.1 x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseReply(data)
		if err != nil {
			return
		}
		if v.Code/100 == 4 != (v.Action == sdk.ActTempfail) || v.Code/100 == 5 != (v.Action == sdk.ActReject) {
			t.Fatalf("code %d goes with %s", v.Code, v.Action)
		}
		if len(v.Text) > maxReply || strings.Contains(v.Text, "\n") || v.Enhanced != "" && v.Enhanced[0] != data[0] {
			t.Fatalf("%+v", v)
		}
	})
}

// FuzzAnswer: no edit and no list of macros that a milter sends can do harm.
func FuzzAnswer(f *testing.F) {
	f.Add(byte(ansChgHeader), []byte("\x00\x00\x00\x01Subject\x00new\x00"))
	f.Add(byte(ansInsHeader), []byte("\x00\x00"))
	f.Add(byte(ansAddHeader), []byte("name"))
	f.Add(byte(ansQuarantine), []byte("why"))
	f.Add(byte(cmdOptNeg), []byte("\x00\x00\x00\x02i {x}\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, ans byte, data []byte) {
		if ans == ansReplBody {
			return // goes to the host as it is
		}
		var e edits
		taken, err := e.take(ans, data, sdk.Tx{})
		if !taken && err != nil || len(e.list) > 1 {
			t.Fatalf("taken %v, %v, %d edits", taken, err, len(e.list))
		}
		s := session{}
		if err := s.wishes(data); err == nil && len(data) > 0 && len(data) < 4 {
			t.Fatalf("%q is a list of macros", data)
		}
	})
}
