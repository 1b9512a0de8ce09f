package smtptest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Patience is how long a connection of this package may take.
const Patience = 20 * time.Second

// Side is one side of a dialogue.
type Side byte

// The sides.
const (
	ServerSide Side = 'S'
	ClientSide Side = 'C'
)

// Player plays one side of scripts on a connection. It is for one goroutine.
type Player struct {
	Side Side
	// TLS is used by "! starttls".
	TLS *tls.Config
	// Hang is closed to end "! hang"; nil for never.
	Hang <-chan struct{}
	// Messages are the texts that "C..." and "C#" took, in order.
	Messages []string

	base, nc net.Conn // nc is the TLS on base, if there is one
	r        *bufio.Reader
	out      bytes.Buffer
}

// Play plays script on nc and leaves it open, unless the script closes it. The error says which
// line did not go as written. What the other side has sent beyond the script is there for the
// next one on the same connection.
func (p *Player) Play(nc net.Conn, script string) error {
	if p.base != nc {
		p.base, p.nc, p.r = nc, nc, bufio.NewReader(nc)
	}
	if !isPipe(nc) {
		_ = nc.SetDeadline(time.Now().Add(Patience))
	}
	for i, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.line(line); err != nil {
			return fmt.Errorf("line %d of the script, %q: %w", i+1, line, err)
		}
	}
	return p.send()
}

func isPipe(nc net.Conn) bool {
	a := nc.LocalAddr()
	return a != nil && a.Network() == "pipe"
}

func (p *Player) line(line string) error {
	if word, ok := strings.CutPrefix(line, "!"); ok {
		if err := p.send(); err != nil {
			return err
		}
		return p.act(strings.TrimSpace(word))
	}
	if len(line) < 2 || line[0] != byte(ServerSide) && line[0] != byte(ClientSide) {
		return errors.New("no line of a script")
	}
	mine := line[0] == byte(p.Side)
	kind, text := line[1], strings.TrimPrefix(line[2:], " ")
	switch {
	case kind == ':' && mine:
		p.out.WriteString(text + "\r\n")
		return nil
	case kind == '=' && mine:
		s, err := strconv.Unquote(text)
		p.out.WriteString(s)
		return err
	}
	if mine {
		return errors.New("only the other side can do this")
	}
	if err := p.send(); err != nil {
		return err
	}
	return p.expect(kind, text)
}

// send writes what the lines so far put together.
func (p *Player) send() error {
	if p.out.Len() == 0 {
		return nil
	}
	_, err := p.nc.Write(p.out.Bytes())
	p.out.Reset()
	return err
}

func (p *Player) expect(kind byte, text string) error {
	switch kind {
	case ':':
		return p.expectLine(text)
	case '=':
		want, err := strconv.Unquote(text)
		if err != nil {
			return err
		}
		return p.expectBytes(want)
	case '#':
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		return p.take(n)
	case '.':
		return p.takeMessage()
	}
	return errors.New("no line of a script")
}

func (p *Player) expectLine(want string) error {
	got, err := p.r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("got %q: %w", got, err)
	}
	got, ok := strings.CutSuffix(got, "\r\n")
	switch re, isRE := strings.CutPrefix(want, "~"); {
	case !ok:
		return fmt.Errorf("got %q, which does not end in CRLF", got)
	case want == "*":
	case isRE:
		match, err := regexp.MatchString("^(?:"+re+")$", got)
		if err != nil || !match {
			return fmt.Errorf("got %q (%v)", got, err)
		}
	case got != want:
		return fmt.Errorf("got %q", got)
	}
	return nil
}

func (p *Player) expectBytes(want string) error {
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.r, got)
	if err != nil || string(got) != want {
		return fmt.Errorf("got %q (%v)", got[:n], err)
	}
	return nil
}

// take reads n bytes as a message.
func (p *Player) take(n int) error {
	b := make([]byte, n)
	k, err := io.ReadFull(p.r, b)
	p.Messages = append(p.Messages, string(b[:k]))
	return err
}

// takeMessage reads up to CRLF.CRLF and keeps the text as it came, without that line.
func (p *Player) takeMessage() error {
	var b bytes.Buffer
	for {
		line, err := p.r.ReadBytes('\n')
		atLine := b.Len() == 0 || bytes.HasSuffix(b.Bytes(), []byte("\r\n"))
		if err == nil && atLine && string(line) == ".\r\n" {
			p.Messages = append(p.Messages, b.String())
			return nil
		}
		b.Write(line)
		if err != nil {
			p.Messages = append(p.Messages, b.String())
			return err
		}
	}
}

func (p *Player) act(what string) error {
	word, arg, _ := strings.Cut(what, " ")
	switch word {
	case "starttls":
		return p.startTLS()
	case "close":
		return p.nc.Close()
	case "reset":
		if t, ok := p.nc.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		return p.nc.Close()
	case "eof":
		return p.expectEOF()
	case "hang":
		return p.hang()
	case "wait":
		d, err := time.ParseDuration(arg)
		time.Sleep(d)
		return err
	}
	return errors.New("no action of a script")
}

func (p *Player) startTLS() error {
	var t *tls.Conn
	if p.Side == ServerSide {
		t = tls.Server(p.nc, p.TLS)
	} else {
		t = tls.Client(p.nc, p.TLS)
	}
	if err := t.Handshake(); err != nil {
		return err
	}
	p.nc, p.r = t, bufio.NewReader(t)
	return nil
}

func (p *Player) expectEOF() error {
	rest, err := io.ReadAll(p.r)
	if len(rest) > 0 {
		return fmt.Errorf("got %q (%v)", rest, err)
	}
	return nil // a reset ends the connection as well
}

// hang waits for the other side to close, or for the end of the test.
func (p *Player) hang() error {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, p.r)
	}()
	select {
	case <-gone:
	case <-p.Hang:
		_ = p.nc.Close()
		<-gone
	}
	return nil
}
