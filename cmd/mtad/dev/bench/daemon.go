package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is an mtad that is being measured.
type daemon struct {
	cmd    *exec.Cmd
	dir    string
	addr   string
	stderr bytes.Buffer
}

// startTime is how long mtad may take until it greets.
const startTime = 30 * time.Second

const mainCF = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/maillog
myhostname = bench.invalid
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtpd_relay_restrictions = permit_mynetworks, reject
default_process_limit = 200
default_destination_concurrency_limit = 100
initial_destination_concurrency = 20
message_size_limit = 52428800
relayhost = [127.0.0.1]:%[2]d
transport_maps = inline:{{%[4]s=smtp:[127.0.0.1]:%[3]d}}
`

const masterCF = `127.0.0.1:%d inet n - n - - smtpd
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
`

// start runs program with a configuration that relays everything to next, and the victim's mail to second.
func start(ctx context.Context, program string, next, second int, toml string) (*daemon, error) {
	dir, err := os.MkdirTemp("", "mtad-bench-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	for name, text := range map[string]string{
		"main.cf": fmt.Sprintf(mainCF, dir, next, second, victimDomain), "master.cf": fmt.Sprintf(masterCF, port), "mtad.toml": toml,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	d.cmd = exec.CommandContext(ctx, program, "-c", dir, "run", "-o", "mail_owner="+userName())
	d.cmd.Stderr = &d.stderr
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	return d, d.waitBanner(ctx)
}

func userName() string {
	out, err := exec.Command("id", "-un").Output()
	if err != nil {
		return "root"
	}
	return strings.TrimSpace(string(out))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// waitBanner waits until mtad answers.
func (d *daemon) waitBanner(ctx context.Context) error {
	for end := time.Now().Add(startTime); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", d.addr, time.Second)
		if err != nil {
			continue
		}
		c.Close()
		return nil
	}
	d.stop()
	return fmt.Errorf("mtad did not listen within %v: %s", startTime, d.stderr.String())
}

// cpu returns the CPU time of the process so far.
func (d *daemon) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks of 1/100 s
}

// rssKiB returns the resident memory now.
func (d *daemon) rssKiB() int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return n
}

// stop ends mtad and removes its directory.
func (d *daemon) stop() {
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.cmd.Wait()
	os.RemoveAll(d.dir)
}
