package smtp

import (
	"errors"
	"time"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// maxSkip is how much of an endless line is read before its client is sent away.
const maxSkip = 1 << 20

// readCommand takes the next command, or what was left pending. It answers lines that are no
// commands. It reports false when the connection has ended.
func (c *conn) readCommand() bool {
	if c.pending {
		c.pending = false
		return true
	}
	for !c.closing {
		if limit := c.srv.opt.HardErrors; limit > 0 && c.errors >= limit {
			c.fatal(421, "4.7.0", "Error: too many errors", ErrTooManyErrors)
			return false
		}
		line, bare, err := c.readLine()
		if err == nil && c.tune.Command != nil {
			if line, err = c.tune.Command(line); err != nil {
				c.cmd.Begin(nil)
				c.fatal(421, "4.3.0", "Error: command filter: try again later", err)
				return false
			}
		}
		if c.cmd.Begin(line); c.isLine(bare, err) && c.isCommand(line) {
			return true
		}
	}
	return false
}

// isLine reports whether readLine returned a line, or answers what it returned instead.
func (c *conn) isLine(bare bool, err error) bool {
	switch {
	case errors.Is(err, errLineTooLong):
		c.refuse(500, "5.5.2", "Error: line too long")
	case err != nil:
		c.broken(err)
	case bare && c.tune.BareNewline == Reject:
		c.fatal(c.srv.opt.BareNewlineCode, "5.5.2", "Error: bare <LF> received", ErrBareNewline)
	default:
		return true
	}
	return false
}

// isCommand reads line into c.cmd, or refuses it.
func (c *conn) isCommand(line []byte) bool {
	switch grammar.Check(line) {
	case grammar.Control:
		c.refuse(500, "5.5.2", "Error: control character in command")
		return false
	case grammar.BadUTF8:
		c.refuse(500, "5.5.2", "Error: bad UTF-8 syntax")
		return false
	}
	c.cmd = grammar.Parse(line)
	switch {
	case len(c.cmd.Word) == 0:
		c.refuse(500, "5.5.2", "Error: bad syntax")
		return false
	case len(line)+len("\r\n") > c.cmd.Verb.MaxLine():
		c.refuse(500, "5.5.2", "Error: line too long")
		return false
	}
	return c.isInTime()
}

// isInTime keeps the command rate.
func (c *conn) isInTime() bool {
	limit := c.srv.opt.CommandRate
	if limit <= 0 {
		return true
	}
	if now := time.Now(); now.Sub(c.rateSince) >= time.Minute {
		c.rateSince, c.rateCount = now, 0
	}
	if c.rateCount++; c.rateCount > limit {
		c.fatal(421, "4.7.0", "Error: too many commands", ErrCommandRate)
		return false
	}
	return true
}

// readLine takes the next line. Before it waits, the replies leave. The time limit is for the
// whole line: a byte now and then does not prolong it.
func (c *conn) readLine() (line []byte, bare bool, err error) {
	armed := false
	for {
		if line, bare, ok := c.in.Line(); ok {
			return line, bare, nil
		}
		if c.isLineTooLong() {
			return nil, false, c.skipLine()
		}
		if !armed {
			if err := c.armIdle(); err != nil {
				return nil, false, err
			}
			armed = true
		}
		if err := c.flush(); err != nil {
			return nil, false, c.cutOff(err)
		}
		if err := c.in.Fill(); err != nil {
			return nil, false, c.cutOff(err)
		}
	}
}

// isLineTooLong reports whether the line that has begun is longer than any line may be. AUTH alone
// has lines that need more than a small buffer.
func (c *conn) isLineTooLong() bool {
	begun := c.in.Bytes()
	if len(begun) < wire.SmallBuffer {
		return false
	}
	return len(begun) > c.srv.opt.MaxAuthLine || !c.in.Large && grammar.VerbOf(begun[:4]) != grammar.Auth
}

// skipLine reads to the end of a line that is too long. One without an end is too many errors.
func (c *conn) skipLine() error {
	if err := c.armIdle(); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	for skipped := 0; skipped < maxSkip; {
		skipped += len(c.in.Bytes())
		c.in.Take(len(c.in.Bytes()))
		if err := c.in.Fill(); err != nil {
			return c.cutOff(err)
		}
		if _, _, ok := c.in.Line(); ok {
			return errLineTooLong
		}
	}
	return ErrTooManyErrors
}

// cutOff says what an error of reading means: the server's end, the client's time, or itself.
func (c *conn) cutOff(err error) error {
	switch {
	case !isTimeout(err):
		return err
	case c.idle && c.group.draining.Load():
		return ErrShutdown
	}
	return ErrTimeout
}

// armIdle sets the time for a command. From now on the end of the server ends the connection,
// unless a message is under way.
func (c *conn) armIdle() error {
	idle := c.tx != txBdat
	c.arm(c.srv.opt.Timeout, idle)
	if idle && c.group.draining.Load() {
		return ErrShutdown
	}
	return nil
}

// armData sets the time for the next block of text, of which wire bytes have come, and lets the
// replies leave.
func (c *conn) armData(wire int64) error {
	o := &c.srv.opt
	left := o.DataTimeout
	if o.PerRequestDeadline {
		earned := time.Duration(wire) * time.Second / time.Duration(o.MinDataRate)
		if left += earned - time.Since(c.dataSince); left <= 0 {
			return ErrTimeout
		}
	}
	c.arm(left, false)
	return c.flush()
}

// arm gives reads and writes d from now on, and up to a 32nd more: setting a deadline costs as
// much as a small command, so one that still fits stays.
func (c *conn) arm(d time.Duration, idle bool) {
	want := time.Now().Add(d)
	slack := min(d/32, 10*time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = idle
	if late := c.deadline.Sub(want); late >= 0 && late <= slack {
		return
	}
	c.deadline = want.Add(slack)
	_ = c.nc.SetDeadline(c.deadline) // a closed connection says so when it is read
}

// wake ends the wait for a command, because the server ends. It is called by another goroutine,
// after group.draining is set: a connection that arms itself later sees that.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle {
		c.deadline = time.Unix(1, 0)
		_ = c.base.SetReadDeadline(c.deadline)
	}
}

// put appends a reply to those that wait. Clients that have made too many errors wait for each
// (smtpd_error_sleep_time).
func (c *conn) put(r status.Reply) {
	if soft := c.srv.opt.SoftErrors; soft > 0 && c.errors >= soft && !c.closing {
		c.pause()
	}
	c.write(r)
}

// maxWaiting is how many bytes of replies may wait.
const maxWaiting = 4 << 10

func (c *conn) write(r status.Reply) {
	if c.out == nil {
		c.out = c.srv.bufs.BorrowReply()
	}
	if r.Code >= 400 && c.tune.Footer != nil {
		r = c.tune.Footer(r)
	}
	c.out = wire.AppendReply(c.out, r, !c.utf8)
	c.said(r)
	if len(c.out) > maxWaiting {
		if err := c.send(); err != nil {
			c.close(err)
		}
	}
}

// flush writes the replies that wait, within the time that was set.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	var err error
	if !c.deaf {
		_, err = c.nc.Write(c.out)
		c.deaf = err != nil
	}
	c.srv.bufs.GiveBackReply(c.out)
	c.out = nil
	return err
}

// send is flush with a time of its own.
func (c *conn) send() error {
	if len(c.out) == 0 {
		return nil
	}
	c.arm(c.srv.opt.Timeout, c.idle)
	return c.flush()
}

// pause lets a client wait, but not the server's end.
func (c *conn) pause() {
	d := c.srv.opt.ErrorDelay
	if d <= 0 {
		return
	}
	if err := c.send(); err != nil {
		c.close(err)
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.group.quit:
	}
}
