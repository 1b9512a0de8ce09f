package postscreen

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
)

// trial is one client under test. Its goroutine owns it.
type trial struct {
	l *Listener
	c net.Conn
	endpoints
}

func portText(p uint16) string { return strconv.Itoa(int(p)) }

// refusal is what a failed test says to the client.
type refusal struct {
	action   Action
	enhanced string
	text     string
}

// run tests the client. It returns whether it goes on to the SMTP server; t.c is the connection to
// hand on, or to close.
func (t *trial) run(ctx context.Context) bool {
	o := &t.l.o
	o.Log.Info("CONNECT from " + t.client + " to " + t.server)
	switch t.asked(ctx) {
	case Permit:
		o.Log.Info("ALLOWLISTED " + t.client)
		return true
	case Reject:
		o.Log.Info("DENYLISTED " + t.client)
		r := refusal{o.DenyAction, "5.3.2", "Service currently unavailable"}
		if r.action != Ignore {
			return t.refuse(r)
		}
	}
	now := o.Clock()
	p, ok := parsePass(t.remembered())
	switch {
	case !ok || !p.holds(now, len(o.Sites) > 0):
		return t.screen(ctx, now, p)
	case o.Deep.needed(p, now):
		return t.deep(p, t.vetoed(t.c))
	}
	o.Log.Info("PASS OLD " + t.client)
	return true
}

func (t *trial) asked(ctx context.Context) Decision {
	if t.l.o.Access == nil {
		return Dunno
	}
	d, err := t.l.o.Access(ctx, t.addr)
	if err != nil {
		t.l.o.Log.Warning("postscreen_access_list: " + err.Error())
		return Dunno
	}
	return d
}

func (t *trial) remembered() string {
	if t.l.o.Cache == nil {
		return ""
	}
	value, _ := t.l.o.Cache.Get(t.addr.String())
	return value
}

// screen makes the tests before the greeting, both at a time; p is what the client has passed before.
func (t *trial) screen(ctx context.Context, began time.Time, p pass) bool {
	o := &t.l.o
	listed := make(chan score, 1)
	t.l.tasks.Go(func() { listed <- t.l.score(ctx, t.addr) })
	if o.Banner != "" {
		_ = t.c.SetWriteDeadline(began.Add(writeTime))
		if _, err := t.c.Write([]byte("220-" + o.Banner + "\r\n")); err != nil {
			t.hangup(began)
			<-listed
			return false
		}
	}
	early, err := t.wait(began.Add(o.GreetWait))
	s := <-listed
	if err != nil {
		t.hangup(began)
		return false
	}
	return t.judge(ctx, began, early, s, p)
}

// maxEarly is how much of what came too early is read; the rest stays in the connection.
const maxEarly = 1024

// wait waits until the greeting's time is up, or the client speaks. err says that it is gone.
func (t *trial) wait(until time.Time) (early []byte, err error) {
	if err := t.c.SetReadDeadline(until); err != nil {
		return nil, err
	}
	buf := make([]byte, maxEarly)
	n, err := t.c.Read(buf)
	if n > 0 || isTimeout(err) && t.l.ctx.Err() == nil {
		return buf[:n], t.c.SetDeadline(time.Time{})
	}
	return nil, err
}

func (t *trial) hangup(began time.Time) {
	t.l.o.Log.Info(fmt.Sprintf("HANGUP after %.1f from %s in tests before SMTP handshake", t.l.o.Clock().Sub(began).Seconds(), t.client))
	t.l.o.Log.Info("DISCONNECT " + t.client)
}

// judge decides what the tests have found.
func (t *trial) judge(ctx context.Context, began time.Time, early []byte, s score, p pass) bool {
	o := &t.l.o
	var worst *refusal
	fail := func(r refusal) {
		if r.action != Ignore && (worst == nil || worst.action == Enforce && r.action == Drop) {
			worst = &r
		}
	}
	if o.AllowThreshold < 0 && s.points <= o.AllowThreshold {
		t.c = before(t.c, early)
		o.Log.Info("PASS NEW " + t.client)
		return true
	}
	if len(early) > 0 {
		o.Log.Info(fmt.Sprintf("PREGREET %d after %.2g from %s: %s", len(early), o.Clock().Sub(began).Seconds(), t.client, escaped(early)))
		fail(refusal{o.GreetAction, "5.5.1", "Protocol error"})
	}
	if s.points >= o.Threshold && s.worst != "" {
		o.Log.Info(fmt.Sprintf("DNSBL rank %d for %s", s.points, t.client))
		fail(refusal{o.DNSBLAction, "5.7.1", "Service unavailable; client [" + t.addr.String() + "] blocked using " + t.listName(ctx, s.worst)})
	}
	t.c = before(t.c, early)
	if worst != nil {
		return t.refuse(*worst)
	}
	clean, now := len(early) == 0 && s.points < max(o.Threshold, 1), o.Clock()
	if clean {
		p.greet, p.dnsbl = now.Add(o.GreetTTL), now.Add(o.DNSBLTTL)
	}
	switch veto := t.vetoed(t.c); {
	case veto:
		return t.deep(p, true)
	case o.Deep.needed(p, now):
		if clean {
			t.remember(p)
		}
		return t.deep(p, false)
	case clean:
		t.remember(p)
		o.Log.Info("PASS NEW " + t.client)
	}
	return true
}

func (t *trial) listName(ctx context.Context, domain string) string {
	if f := t.l.o.ListName; f != nil {
		return status.Clean(f(ctx, domain))
	}
	return domain
}

func (t *trial) remember(p pass) {
	o := &t.l.o
	if o.Cache == nil {
		return
	}
	keep := max(o.GreetTTL, o.DNSBLTTL)
	for _, test := range o.Deep.tests() {
		if test.Enable {
			keep = max(keep, test.TTL)
		}
	}
	o.Cache.Set(t.addr.String(), p.String(), keep)
}

// escaped shows bytes of a stranger in the log.
func escaped(b []byte) string {
	s := strconv.QuoteToASCII(string(b[:min(len(b), 100)]))
	return strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
}
