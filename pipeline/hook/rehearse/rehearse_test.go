package rehearse

import (
	"context"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// scanning says everything that the scan service told it.
type scanning struct{}

func (scanning) EOM(tx sdk.Tx) sdk.Verdict {
	say := func(what, v string, err error) {
		if err != nil {
			v += " (" + err.Error() + ")"
		}
		tx.Log(sdk.LevelInfo, what+": "+v)
	}
	v, err := tx.Words("words", sdk.TextDecoded)
	say("words", v, err)
	v, err = tx.Words("none", sdk.TextDecoded)
	say("no words", v, err)
	v, err = tx.Regexp(`caf. [0-9]+`, sdk.TextDecoded)
	say("regexp", v, err)
	_, err = tx.Regexp(`(`, sdk.TextBody)
	say("bad regexp", "", err)
	sum, e := tx.Host.Hash(sdk.MD5, sdk.TextPart+1)
	say("hash", sum, e)
	say("count", tx.Property("mime.count"), nil)
	for p := range tx.Parts() {
		size, _ := tx.Host.MIMEPart(p.Index, sdk.MIMESize)
		say("part", strings.Join([]string{p.Type, p.Name, p.Charset, p.Place, size}, ","), nil)
	}
	return sdk.Continue
}

const transcript = `
config words = "bitcoin\ncoffee"
allow scan
message
| Subject: x
| Content-Type: multipart/mixed; boundary=b
|
| --b
| Content-Type: text/plain; charset=iso-8859-1
| Content-Transfer-Encoding: quoted-printable
|
| caf=E9 12, Bit=
| Coin
| --b
| Content-Type: application/x-thing; name="a.bin"
| Content-Disposition: attachment
| Content-Transfer-Encoding: base64
|
| aGVsbG8=
| --b--
eom
> log info words: BitCoin
> log info no words:  (bad argument)
> log info regexp: café 12
> log info bad regexp:  (bad argument)
> log info hash: 5d41402abc4b2a76b9719d911017c592 (ok)
> log info count: 2
> log info part: text/plain,,iso-8859-1,,17
> log info part: application/x-thing,a.bin,,attachment,5
`

func TestTranscriptsHaveTheScanService(t *testing.T) {
	sc, err := sdktest.Parse(strings.NewReader(transcript))
	if err != nil {
		t.Fatal(err)
	}
	subject := sdktest.Linked(func() sdk.Plugin { return scanning{} }, sdk.CapScan)
	if err := sdktest.Play(context.Background(), subject, sc, Options()).Err("scan"); err != nil {
		t.Error(err)
	}
}
