package main

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/mtad/mtad/core/mail"
)

// session is sendmail -bs: an SMTP session with the daemon on standard input and output.
func (sh *shell) session() int {
	c, err := sh.client()
	if err != nil {
		return sh.fail(exTempFail, "%v", err)
	}
	defer c.Close()
	conn, err := c.Session(context.Background())
	if err != nil {
		return sh.fail(codeOf(err), "%s", told(err))
	}
	go sendInput(conn, sh.in) // ends with standard input, or with this process
	_, err = io.Copy(sh.out, conn)
	if errors.Is(err, syscall.ECONNRESET) {
		err = nil // the daemon ended the session before it had read all; what it said is here
	}
	if closeErr := conn.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return sh.fail(exIOErr, "%v", err)
	}
	return exOK
}

// sendInput sends standard input. At its end the session is told to end: half of the connection
// cannot be closed. What cannot be sent shows in the answers.
func sendInput(conn io.Writer, in io.Reader) {
	// A user's lines may end in LF; the wire wants CRLF.
	if _, err := io.Copy(mail.NewNormalizer(conn), in); err == nil {
		_, _ = io.WriteString(conn, "QUIT\r\n")
	}
}
