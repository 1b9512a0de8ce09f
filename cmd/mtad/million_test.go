package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/cmd/mtad/dev/sink"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store"
)

// longVariable asks for tests at their full size, and has them look at the clock.
const longVariable = "MTAD_LONG"

// crowd is a queue with very many messages to a site that is dead, one mailing to very many
// recipients, and the daemon that has it.
type crowd struct {
	t          *testing.T
	dir        string
	messages   int // to the dead site
	recipients int // of the mailing
	smtp       string
	live, slow *sink.Sink
	cmd        *exec.Cmd
	figures    strings.Builder
}

// What a queue of a million messages may take. They are asked of the full size only, on a machine
// that does nothing else.
const (
	crowdStart  = 5 * time.Second
	crowdMemory = 512 << 20
	crowdHead   = 100 * time.Millisecond
	crowdLive   = time.Second
	// A command that lists or deletes keeps nothing of what went by.
	crowdCommand = 100 << 20
)

// TestAQueueOfVeryManyMessages fills a queue with messages to a dead site, all due, starts the daemon on
// it, and does what an admin does. MTAD_LONG=1 makes it a million of them, and holds the figures of
// docs/performance.md.
func TestAQueueOfVeryManyMessages(t *testing.T) {
	c := &crowd{t: t, dir: t.TempDir(), messages: 20_000, recipients: 5_000}
	if os.Getenv(longVariable) != "" {
		c.messages, c.recipients = 1_000_000, 100_000
	}
	if underRace {
		c.messages, c.recipients = 2_000, 500
	}
	c.configure()
	c.fill()
	c.within("start to greeting", crowdStart, c.start)
	c.sendLive("while all of the queue is due")
	c.fastest("mailq | head", crowdHead, c.mailqHead)
	c.listAll(c.messages)
	c.mailing()
	c.deleteHalf()
	c.listAll(c.messages - c.messages/2)
	peak, err := peakOf(c.cmd.Process.Pid)
	if err != nil {
		t.Skipf("the memory of a process cannot be told here: %v", err)
	}
	c.memory("the daemon's peak", peak, crowdMemory)
	t.Logf("%d messages to a dead site, a mailing to %d recipients:\n%s", c.messages, c.recipients, c.figures.String())
}

// note writes a figure down.
func (c *crowd) note(format string, args ...any) { fmt.Fprintf(&c.figures, format+"\n", args...) }

// fastest is within for what takes a moment: of three times the fastest counts, for another process that has
// the core for a tenth of a second is no figure of ours.
func (c *crowd) fastest(what string, limit time.Duration, do func()) {
	c.t.Helper()
	best := time.Duration(math.MaxInt64)
	for range 3 {
		begun := time.Now()
		do()
		took := time.Since(begun)
		c.note("%s: %v", what, took.Round(time.Millisecond))
		best = min(best, took)
	}
	if best > limit && os.Getenv(longVariable) != "" {
		c.t.Errorf("%s took %v at its fastest, want at most %v", what, best, limit)
	}
}

// within does something and, at the full size, demands that it took at most limit.
func (c *crowd) within(what string, limit time.Duration, do func()) {
	c.t.Helper()
	begun := time.Now()
	do()
	took := time.Since(begun)
	c.note("%s: %v", what, took.Round(time.Millisecond))
	if took > limit && os.Getenv(longVariable) != "" {
		c.t.Errorf("%s took %v, want at most %v", what, took, limit)
	}
}

// memory demands that a process took at most limit bytes.
func (c *crowd) memory(what string, bytes, limit int64) {
	c.t.Helper()
	c.note("%s: %d MiB", what, bytes>>20)
	if bytes > limit && !underRace {
		c.t.Errorf("%s is %d MiB, want at most %d", what, bytes>>20, limit>>20)
	}
}

// sink starts a next hop and returns its port.
func (c *crowd) sink(o sink.Options) (*sink.Sink, string) {
	c.t.Helper()
	addr := porttest.Addr(c.t)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		c.t.Fatal(err)
	}
	s := sink.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			c.t.Error(err)
		}
	})
	_, port, _ := net.SplitHostPort(addr)
	return s, port
}

func (c *crowd) configure() {
	c.t.Helper()
	me, err := user.Current()
	if err != nil {
		c.t.Fatal(err)
	}
	var live, slow string
	c.live, live = c.sink(sink.Options{})
	c.slow, slow = c.sink(sink.Options{Delay: 50 * time.Millisecond})
	c.smtp = porttest.Addr(c.t)
	_, port, _ := net.SplitHostPort(c.smtp)
	c.write("main.cf", fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/maillog
mail_owner = %[2]s
myhostname = crowd.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
alias_maps =
transport_maps = inline:{{live.test=smtp:[127.0.0.1]:%[3]s},{mailing.test=smtp:[127.0.0.1]:%[4]s},{dead.test=smtp:[127.0.0.1]:%[5]d}}
`, c.dir, me.Username, live, slow, porttest.Port(c.t)))
	c.write("master.cf", "127.0.0.1:"+port+" inet n - n - - smtpd\nsmtp unix - - n - - smtp\nerror unix - - n - - error\nretry unix - - n - - error\n")
}

func (c *crowd) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// fill writes the queue as a daemon leaves it: each message was tried and is due.
func (c *crowd) fill() {
	c.t.Helper()
	s, err := store.Open(store.Options{Dir: filepath.Join(c.dir, "queue", "store")})
	if err != nil {
		c.t.Fatal(err)
	}
	begun, now := time.Now(), time.Now()
	var next atomic.Int64
	var hands sync.WaitGroup
	for range 64 {
		hands.Go(func() {
			for i := next.Add(1); i <= int64(c.messages); i = next.Add(1) {
				if err := c.deferOne(s, int(i), now); err != nil {
					c.t.Error(err)
					return
				}
			}
		})
	}
	hands.Wait()
	if err := s.Close(); err != nil || c.t.Failed() {
		c.t.Fatal(err)
	}
	c.note("filled in %v", time.Since(begun).Round(time.Second))
}

// deferOne commits a message and defers it, as the manager does.
func (c *crowd) deferOne(s *store.Store, i int, now time.Time) error {
	to := fmt.Sprintf("user%d@dead.test", i)
	env := &mail.Envelope{Sender: fmt.Sprintf("list%d@sender.test", i%2), Arrived: now.Add(-time.Duration(i%100) * time.Minute),
		Recipients: []mail.Recipient{{Address: to, Original: to}}, Origin: mail.Origin{Kind: mail.KindSMTP, UID: -1, Hops: 1}}
	d, err := s.Begin(context.Background())
	if err != nil {
		return err
	}
	fmt.Fprintf(d, "\r\n%s\r\n", strings.Repeat("the text of a message of the crowd\r\n", 20))
	e, err := d.Commit(context.Background(), env, fmt.Appendf(nil, "Message-Id: <%d@crowd.test>\r\nSubject: one of many\r\n", i), queue.Incoming, "")
	if err != nil {
		return err
	}
	refused := status.Reply{Code: 451, Enhanced: "4.4.1", Text: "connect to 127.0.0.1[127.0.0.1]:25: Connection refused"}
	return s.Update(e.ID, &queue.Record{State: queue.Deferred, Due: now, Attempts: 1,
		Recipients: []queue.Progress{{Outcome: queue.Deferred4, Reply: refused, Relay: "none", At: now}}}, []int{0})
}

// start runs the daemon and returns when it greets.
func (c *crowd) start() {
	c.t.Helper()
	c.cmd = c.command("mtad", "run")
	c.cmd.Stderr = os.Stderr
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		if err := c.cmd.Wait(); err != nil {
			c.t.Errorf("mtad: %v", err)
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(awaitTime); ; <-tick.C {
		nc, err := net.Dial("tcp", c.smtp)
		if err == nil {
			line, err := bufio.NewReader(nc).ReadString('\n')
			_ = nc.Close()
			if err != nil || !strings.HasPrefix(line, "220 ") {
				c.t.Fatalf("the greeting is %q, %v", line, err)
			}
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("mtad does not listen: %v", err)
		}
	}
}

// command is one of the product's commands for this queue.
func (c *crowd) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, longVariable) }), "MAIL_CONFIG="+c.dir)
	return cmd
}

// send hands a message in.
func (c *crowd) send(to string, n int) {
	c.t.Helper()
	text := fmt.Sprintf("Message-Id: <%d.%s>\r\nSubject: new\r\n\r\nhello\r\n", n, to)
	if err := smtp.SendMail(c.smtp, nil, "me@sender.test", []string{to}, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// sendLive sends mail to the live site, one message after the other; each has to leave at once.
func (c *crowd) sendLive(when string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
	defer cancel()
	before := c.live.Counts().Unique
	for n := before + 1; n <= before+10; n++ {
		c.within("to a live site "+when, crowdLive, func() {
			c.send("you@live.test", n)
			if err := c.live.Wait(ctx, n); err != nil {
				c.t.Fatalf("message %d to the live site did not leave: %v", n, err)
			}
		})
	}
}

// mailqHead is "mailq | head".
func (c *crowd) mailqHead() {
	c.t.Helper()
	cmd := c.command("mailq")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	lines := 0
	for lines < 10 && in.Scan() {
		lines++
	}
	if err := out.Close(); err != nil || lines != 10 {
		c.t.Errorf("mailq printed %d lines: %v", lines, err)
	}
	_ = cmd.Wait() // the pipe broke under it, as it does with head
}

// measured runs a command, feeds what it prints to take, looks at its memory all the while, and returns
// what it says on standard error.
func (c *crowd) measured(take func(io.Reader), name string, args ...string) string {
	c.t.Helper()
	cmd := c.command(name, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	begun, ended, peak := time.Now(), make(chan struct{}), make(chan int64)
	go func() { peak <- watch(cmd.Process.Pid, ended) }()
	take(out)
	err = cmd.Wait()
	close(ended)
	c.note("%s %s: %v", name, strings.Join(args, " "), time.Since(begun).Round(time.Millisecond))
	c.memory("its peak", <-peak, crowdCommand)
	if err != nil {
		c.t.Fatalf("%s %q: %v: %s", name, args, err, said.String())
	}
	return said.String()
}

// watch returns the most memory that a process was seen to have, in bytes, until it has ended.
func watch(pid int, ended <-chan struct{}) (most int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return most
		case <-tick.C:
			if now, err := peakOf(pid); err == nil {
				most = max(most, now)
			}
		}
	}
}

// peakOf is the most memory that a process had so far, in bytes.
func peakOf(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest + " -")[0], 10, 64)
	return kib << 10, err
}

// listAll lists the queue and expects so many messages to the dead site in it. A message on its way from
// one state to another may be missing in one listing, not in all.
func (c *crowd) listAll(want int) {
	c.t.Helper()
	n, seen := 0, make([]bool, c.messages+1)
	for range 5 {
		c.measured(func(out io.Reader) { n += c.fresh(out, seen) }, "postqueue", "-j", "--site", "dead.test")
		if n >= want {
			break
		}
	}
	if n != want {
		c.t.Errorf("%d messages are listed, want %d", n, want)
	}
}

var deadRecipient = regexp.MustCompile(`"address": "user(\d+)@dead\.test"`)

// fresh counts the messages in a listing that are not among those seen, and marks them.
func (c *crowd) fresh(listing io.Reader, seen []bool) (n int) {
	for in := bufio.NewScanner(listing); in.Scan(); {
		if m := deadRecipient.FindSubmatch(in.Bytes()); m != nil {
			i, _ := strconv.Atoi(string(m[1]))
			if !seen[i] {
				n++
			}
			seen[i] = true
		}
	}
	return n
}

// mailing submits a message to very many recipients at a slow site; mail to a live one goes meanwhile.
func (c *crowd) mailing() {
	c.t.Helper()
	cl, err := smtp.Dial(c.smtp)
	if err != nil {
		c.t.Fatal(err)
	}
	defer cl.Close()
	// A message takes smtpd_recipient_limit recipients; the list is sent in as many as it takes.
	const each = 1000
	for first := 0; first < c.recipients; first += each {
		if err := cl.Mail("list@sender.test"); err != nil {
			c.t.Fatal(err)
		}
		for i := range each {
			if err := cl.Rcpt(fmt.Sprintf("r%d@mailing.test", first+i)); err != nil {
				c.t.Fatal(err)
			}
		}
		w, err := cl.Data()
		if err != nil {
			c.t.Fatal(err)
		}
		fmt.Fprintf(w, "Message-Id: <mailing%d@crowd.test>\r\nSubject: mailing\r\n\r\nhello all\r\n", first)
		if err := w.Close(); err != nil {
			c.t.Fatal(err)
		}
	}
	c.sendLive(fmt.Sprintf("while a mailing to %d recipients goes", c.recipients))
	ctx, cancel := context.WithTimeout(context.Background(), 20*awaitTime)
	defer cancel()
	if err := c.slow.Wait(ctx, c.recipients/each); err != nil {
		c.t.Errorf("the mailing did not arrive: %v", err)
	}
}

// deleteHalf deletes by a selector.
func (c *crowd) deleteHalf() {
	c.t.Helper()
	said := c.measured(func(out io.Reader) { _, _ = io.Copy(io.Discard, out) }, "postsuper", "-d", "ALL", "--sender", "list1@sender.test")
	if want := fmt.Sprintf("Deleted: %d messages", c.messages/2); !strings.Contains(said, want) {
		c.t.Errorf("postsuper says %q, want %q", said, want)
	}
}
