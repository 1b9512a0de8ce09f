package main

import (
	"net"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// syslogd is "syslogd FILE": a syslog daemon where this machine's would be, which appends each message
// and a line's end to FILE.
func syslogd(ts *testscript.TestScript, _ bool, args []string) {
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ts.MkAbs("syslog"), Net: "unixgram"})
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 8<<10); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			_, _ = f.Write(append(b[:n], '\n'))
		}
	}()
	ts.Defer(func() {
		_ = c.Close()
		<-ended
		_ = f.Close()
	})
}
