package master_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// killAll ends the daemon and every process that it started, at once, as a machine without power does.
func (d *daemon) killAll() {
	d.t.Helper()
	all := descendants(d.pid())
	for _, pid := range slices.Backward(all) { // who writes mailboxes first
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	d.kill()
	for _, pid := range all {
		for syscall.Kill(pid, 0) == nil && !zombie(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// descendants are the numbers of the processes below pid.
func descendants(pid int) (all []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range lists {
		text, _ := os.ReadFile(name)
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}

func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	return err != nil || strings.HasPrefix(rest, "Z")
}

// intact checks what a kill left behind: an mbox that begins with what was there before, and a Maildir
// in which every message is whole. It returns the mbox.
func intact(t *testing.T, base string, before []byte) []byte {
	t.Helper()
	box, err := os.ReadFile(filepath.Join(base, "box"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(box, before) {
		t.Errorf("the mbox of %d bytes does not begin with the %d bytes that it had", len(box), len(before))
	}
	maildirNames(t, filepath.Join(base, "dir"))
	return box
}

// Killed with all it started in the middle of deliveries, as often as it takes, mtad harms no message
// that was in an mbox or a Maildir, shows none that is not whole in the Maildir, and delivers all it
// has when it runs again. What is left of a message at the end of an mbox is closed by the next.
func TestAKillInMidDeliveryHarmsNoMailbox(t *testing.T) {
	kills := 3
	if os.Getenv(longVariable) != "" {
		kills = 20
	}
	// Locks of the kernel end with their process; a dotlock would have to become stale first.
	d, base := hosting(t, "virtual_mailbox_maps = inline:{box@v.test=box,dir@v.test=dir/}", "virtual_mailbox_lock = fcntl", "virtual_mailbox_limit = 0",
		"message_size_limit = 0", "minimal_backoff_time = 1s", "maximal_backoff_time = 1s", "queue_run_delay = 1s", "smtpd_client_connection_count_limit = 0")
	d.run()
	load := &killLoad{addr: d.addr, stop: make(chan struct{}), acks: make(chan struct{}), acked: map[string]bool{}, to: []string{"box@v.test", "dir@v.test"}, large: 2 << 20}
	var senders sync.WaitGroup
	for i := range 4 {
		senders.Go(func() { load.send(i) })
	}
	var box []byte
	for range kills {
		for range 10 + rand.IntN(60) {
			<-load.acks
		}
		d.killAll()
		box = intact(t, base, box)
		d.run()
	}
	close(load.stop)
	senders.Wait()
	missing := func() (all []string) {
		inBox, _ := unboxed(string(intact(t, base, box)))
		inDir := maildirNames(t, filepath.Join(base, "dir"))
		for name := range load.acked {
			if inBox[name] == 0 || inDir[name] == 0 {
				all = append(all, name)
			}
		}
		return all
	}
	left := missing()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); len(left) > 0; <-tick.C {
		now := missing()
		if len(now) < len(left) {
			end = time.Now().Add(patience)
		}
		if left = now; time.Now().After(end) {
			t.Fatalf("%d of %d acknowledged messages are not in both mailboxes: %.300q", len(left), len(load.acked), left)
		}
	}
	_, cut := unboxed(string(intact(t, base, box)))
	t.Logf("%d kills, %d messages acknowledged and in both mailboxes; %d bytes of the mbox are of messages cut short", kills, len(load.acked), len(cut))
}

// maildirNames returns how often each message of checked is in a Maildir.
func maildirNames(t *testing.T, dir string) map[string]int {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := provenName(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
		if name == "" {
			t.Errorf("a message in new is not whole: %.200q", text)
		}
		names[name]++
	}
	return names
}
