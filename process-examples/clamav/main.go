package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve"
)

func main() {
	serve.Main(&clamav{}, serve.Wants(sdk.PointEOM, "origin.kind"))
}

// clamav asks clamd about each message. Safe for concurrent use after Init.
type clamav struct {
	socket  string
	verdict string // of a message with a virus
	limit   int64
	timeout time.Duration
}

// Init reads the configuration.
func (c *clamav) Init(tx sdk.Tx) (err error) {
	c.socket = tx.Config("socket", "/run/clamav/clamd.ctl")
	c.limit = int64(tx.ConfigInt("limit", 25<<20))
	if c.timeout, err = time.ParseDuration(tx.Config("timeout", "30s")); err != nil {
		return fmt.Errorf("timeout: %w", err)
	}
	switch c.verdict = tx.Config("verdict", "reject"); c.verdict {
	case "reject", "quarantine", "discard":
		return nil
	}
	return fmt.Errorf("verdict = %q: reject, quarantine or discard expected", c.verdict)
}

// EOM has the message scanned. That it could not be scanned is a temporary failure: the client, or the
// queue, tries again.
func (c *clamav) EOM(tx sdk.Tx) sdk.Verdict {
	if tx.OriginKind() == "bounce" {
		return sdk.Continue // a notice is never refused
	}
	virus, err := c.scan(io.LimitReader(tx.Message(), c.limit))
	if err != nil {
		tx.Log(sdk.LevelWarn, "clamd: "+err.Error())
		return sdk.Tempfail("4.7.1", "The virus scanner is not available")
	}
	if virus == "" {
		return sdk.Continue
	}
	tx.Count("viruses", 1)
	tx.Log(sdk.LevelWarn, "found "+virus)
	switch c.verdict {
	case "quarantine":
		return sdk.Quarantine(virus)
	case "discard":
		return sdk.Discard
	}
	return sdk.Reject("5.7.1", "The message contains "+virus)
}

// scan sends a text to clamd and returns the name of what it found, "" when there is nothing. clamd(8):
// INSTREAM, chunks that begin with their length in 4 bytes, and an empty one at the end.
func (c *clamav) scan(text io.Reader) (virus string, err error) {
	conn, err := net.DialTimeout("unix", c.socket, c.timeout)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return "", err
	}
	if err := send(conn, text); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(io.LimitReader(conn, 1000)).ReadString(0)
	if err != nil {
		return "", err
	}
	answer = strings.TrimPrefix(strings.TrimRight(answer, "\x00\n"), "stream: ")
	if answer == "OK" {
		return "", nil
	}
	if name, ok := strings.CutSuffix(answer, " FOUND"); ok {
		return name, nil
	}
	return "", errors.New(answer)
}

func send(conn io.Writer, text io.Reader) error {
	if _, err := io.WriteString(conn, "zINSTREAM\x00"); err != nil {
		return err
	}
	buf := make([]byte, 4+32<<10)
	for {
		n, err := text.Read(buf[4:])
		if n > 0 || err == io.EOF {
			binary.BigEndian.PutUint32(buf, uint32(n)) // none: the end
			if _, err := conn.Write(buf[:4+n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && n == 0:
			return nil
		case err == io.EOF:
			_, err = conn.Write(make([]byte, 4))
			return err
		case err != nil:
			return err
		}
	}
}
