package master_test

import (
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

// reloads is 1,000 with MTAD_LONG=1: the promise that plugins are reloaded without a failed message
// and without growth.
func reloads() int {
	if os.Getenv("MTAD_LONG") == "1" {
		return 1000
	}
	return 20
}

// resources is what the process has.
type resources struct{ goroutines, files, resident, heap float64 }

// resources asks the metrics page and /proc.
func (d *daemon) resources(admin string) (r resources) {
	d.t.Helper()
	answer, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	for name, to := range map[string]*float64{"go_goroutines ": &r.goroutines, "go_memstats_heap_alloc_bytes ": &r.heap} {
		_, rest, ok := strings.Cut(string(page), "\n"+name)
		if !ok {
			d.t.Fatalf("the metrics have no %s", name)
		}
		fmt.Sscan(rest, to)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.pid()))
	if err != nil {
		d.t.Skip("no /proc/PID/fd on this system")
	}
	r.files, r.resident = float64(len(files)), float64(d.rss())
	return r
}

// plugin installs the word filter. Its module differs for each version, its configuration for each
// reload.
func (d *daemon) plugin(version, reload int) {
	d.t.Helper()
	code, err := os.ReadFile("../../plugins/wasm/testdata/words.wasm")
	if err != nil {
		d.t.Fatal(err)
	}
	custom := fmt.Sprintf("\x01v%07d", version)
	d.write("next.wasm", string(code)+"\x00"+string(rune(len(custom)))+custom)
	if err := os.Rename(filepath.Join(d.dir, "next.wasm"), filepath.Join(d.dir, "words.wasm")); err != nil {
		d.t.Fatal(err)
	}
	d.write("mtad.toml", fmt.Sprintf("[[plugin]]\nname = \"words\"\nwasm = \"words.wasm\"\ntime = \"10s\"\n[plugin.config]\nwords = \"viagra casino word%d\"\n", reload))
}

func TestManyReloadsUnderTrafficLoseNothingAndLeakNothing(t *testing.T) {
	s := newSink(t)
	admin := porttest.Addr(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "admin_address = "+admin, "smtpd_client_connection_rate_limit = 0")
	d.plugin(0, 0)
	d.run()
	var sent atomic.Int64
	var senders sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := smtp.SendMail(d.addr, nil, "a@sender.test", []string{"b@rcpt.test"}, []byte("Subject: under way\r\n\r\nhello\r\n")); err != nil {
					t.Errorf("a message failed: %v", err)
					return
				}
				sent.Add(1)
			}
		})
	}
	n := reloads()
	var early resources
	for i := 1; i <= n; i++ {
		mark := d.log.mark()
		d.plugin(i/5, i)
		d.signal(syscall.SIGHUP)
		d.log.waitAfter(t, mark, `reload -- version`, d.gone)
		if i == n/4 {
			early = d.resources(admin)
		}
	}
	late := d.resources(admin)
	close(stop)
	senders.Wait()
	t.Logf("after %d reloads %+v, after %d %+v, %d messages", n/4, early, n, late, sent.Load())
	if late.goroutines > early.goroutines+50 || late.files > early.files+50 {
		t.Errorf("after %d reloads %+v, after %d %+v", n/4, early, n, late)
	}
	if late.resident > early.resident+64<<20 && late.heap > early.heap+64<<20 {
		t.Errorf("memory grew: after %d reloads %+v, after %d %+v", n/4, early, n, late)
	}
	s.wait(t, int(sent.Load()))
	if got := len(s.messages()); got != int(sent.Load()) {
		t.Errorf("%d messages were accepted, %d arrived", sent.Load(), got)
	}
	// What is on disk is what was in use at the last reload: this version, and one that drained.
	kept, err := os.ReadDir(filepath.Join(d.dir, "data", "plugins"))
	if err != nil || len(kept) > 3 {
		t.Errorf("%d compiled modules are kept, %v", len(kept), err)
	}
}
