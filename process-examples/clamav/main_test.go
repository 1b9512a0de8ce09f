package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// clamd answers as ClamAV's daemon does: it finds the word EICAR.
func clamd(t *testing.T) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "clamd") // a short name: it is a socket's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "clamd.ctl")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, answer(c)+"\x00")
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return socket
}

func answer(c net.Conn) string {
	command := make([]byte, len("zINSTREAM\x00"))
	if _, err := io.ReadFull(c, command); err != nil || string(command) != "zINSTREAM\x00" {
		return "UNKNOWN COMMAND"
	}
	var text strings.Builder
	for {
		var n uint32
		if binary.Read(c, binary.BigEndian, &n) != nil {
			return "INSTREAM: cut off"
		}
		if n == 0 {
			break
		}
		if _, err := io.CopyN(&text, c, int64(n)); err != nil {
			return "INSTREAM: cut off"
		}
	}
	switch s := text.String(); {
	case strings.Contains(s, "EICAR"):
		return "stream: Eicar-Test-Signature FOUND"
	case strings.Contains(s, "BROKEN"):
		return "INSTREAM size limit exceeded. ERROR"
	case len(s) > 100_000 && !strings.HasPrefix(s, "Subject: large"):
		return "not the message"
	}
	return "stream: OK"
}

func TestTheExampleKeepsToItsTranscript(t *testing.T) {
	text, err := os.ReadFile("transcript.txt")
	if err != nil {
		t.Fatal(err)
	}
	socket := clamd(t)
	for _, part := range strings.Split(string(text), "# ---\n") {
		sc, err := sdktest.Parse(strings.NewReader(strings.ReplaceAll(part, "SOCKET", socket)))
		if err != nil {
			t.Fatal(err)
		}
		s := sdktest.Linked(func() sdk.Plugin { return &clamav{} })
		if err := sdktest.Play(context.Background(), s, sc, sdktest.Options{}).Err("transcript.txt"); err != nil {
			t.Error(err)
		}
	}
}
