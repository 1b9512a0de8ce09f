package master_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

// What plugins use is on the metrics page: of a guest, of a process and of a built-in that two services
// have.
func TestTheMetricsShowWhatPluginsUse(t *testing.T) {
	s := newSink(t)
	admin := porttest.Addr(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "admin_address = "+admin, "header_checks = inline:{subject=WARN}")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("../../plugins/wasm/testdata/words.wasm")
	if err != nil {
		t.Fatal(err)
	}
	d.write("words.wasm", string(code))
	d.write("mtad.toml", fmt.Sprintf("[[plugin]]\nname = \"words\"\nwasm = \"words.wasm\"\ntime = \"10s\"\nconfig = { words = \"lottery\" }\n"+
		"[[plugin]]\nname = \"office\"\nprocess = [%q, %q, %q]\nallow = [\"edit\", \"deliver\"]\ntime = \"10s\"\n", self, pluginWord, d.dir))
	d.run()
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: tag me\r\n\r\nold\r\n"))
	s.wait(t, 1)
	const some = `[0-9.e-]*[1-9]\S*`
	shows(t, admin,
		`mtad_plugin_busy_seconds_total\{plugin="words",point="eom"\} `+some,
		`mtad_plugin_busy_seconds_total\{plugin="office",point="eom"\} `+some,
		`mtad_plugin_busy_seconds_total\{plugin="checks",point="eom"\} [0-9]\S*`,
		`mtad_plugin_fuel_total\{plugin="words",point="eom"\} `+some,
		`mtad_plugin_fuel_total\{plugin="office",point="eom"\} 0`,
		`mtad_plugin_memory_bytes\{plugin="words"\} `+some,
		`mtad_plugin_memory_bytes\{plugin="office"\} `+some,
		`mtad_plugin_processor_seconds_total\{plugin="office"\} [0-9]\S*`)
}
