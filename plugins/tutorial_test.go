package plugins_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins"
	"github.com/mtad/mtad/plugins/sdk/sdktest/toolchain"
)

// What the two plugins of docs/plugin-authors.md must do, in every language.
var tutorial = [2]string{`
config most = 2
allow kv

load
> hooks rcpt
> needs kv
connect 192.0.2.1
mail sender@example.net
rcpt a@example.com
rcpt b@example.com
> kv "from sender@example.net" = 2
rcpt c@example.com
> tempfail 451 4.7.1 too many recipients in an hour
mail other@example.net
rcpt c@example.com
wait 61m
mail sender@example.net
rcpt c@example.com
connect 192.0.2.2
auth somebody
mail sender@example.net
rcpt a@example.com
rcpt b@example.com
> kv "from sender@example.net" = 1
`, `
config domain = @example.org
allow edit scan

load
> hooks eom
> needs edit scan
connect 192.0.2.1
mail sender@example.net
rcpt a@example.com
message
| Subject: minutes
|
| As agreed.
eom
> -header 0 Subject: minutes
> +header 0 Subject: [EXTERNAL] minutes
mail us@example.org
rcpt a@example.com
message
| Subject: minutes
|
| As agreed.
eom
mail us@example.org
rcpt a@example.com
message
| Subject: a game
| Content-Type: multipart/mixed; boundary=b
|
| --b
|
| Try this.
| --b
| Content-Type: application/octet-stream
| Content-Disposition: attachment; filename="Game.EXE"
|
| MZ
| --b--
eom
> reject 550 5.7.1 programs are not taken by mail
`}

// Each plugin of the tutorial, as it stands there, builds and does what it says there.
func TestEveryPluginOfTheTutorialRuns(t *testing.T) {
	doc, err := os.ReadFile("../docs/plugin-authors.md")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := plugins.Languages()
	for _, lang := range names {
		t.Run(lang, func(t *testing.T) {
			blocks := strings.Split(string(doc), "\n```"+sources()[lang][1]+"\n")
			if len(blocks) < 3 {
				t.Fatalf("%d examples, want two", len(blocks)-1)
			}
			dir := toolchain.Folder(t, lang)
			source := filepath.Join(dir, sources()[lang][0])
			for i, transcript := range tutorial {
				text, _, _ := strings.Cut(blocks[i+1], "```")
				if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				play(t, toolchain.With(t, filepath.Join(dir, "sdk/build"), source), transcript)
			}
		})
	}
}
