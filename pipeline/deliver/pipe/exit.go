package pipe

import (
	"fmt"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/mtad/mtad/core/status"
)

// oneLine returns output on one line: white space is a space, what cannot be printed "_".
func oneLine(output []byte) string {
	return strings.TrimRight(strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, !unicode.IsPrint(r) && !unicode.IsSpace(r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, string(output)), " ")
}

// sysexit returns what an exit status of sysexits(3) means; "" for any other.
func sysexit(code int) (enhanced, text string) {
	if code < 64 || code > 78 {
		return "", ""
	}
	all := [...][2]string{
		{"5.3.0", "command line usage error"}, {"5.6.0", "data format error"}, {"5.3.0", "cannot open input"},
		{"5.1.1", "user unknown"}, {"5.1.2", "host name unknown"}, {"5.3.0", "service unavailable"},
		{"5.3.0", "internal software error"}, {"4.3.0", "system resource problem"}, {"5.3.0", "critical OS file missing"},
		{"5.2.0", "can't create user output file"}, {"5.3.0", "input/output error"}, {"4.3.0", "temporary failure"},
		{"5.5.0", "remote error in protocol"}, {"5.7.0", "permission denied"}, {"5.3.5", "local configuration error"},
	}
	return all[code-64][0], all[code-64][1]
}

// verdict says what the end of a command means: nil for a delivery.
func verdict(path string, end syscall.WaitStatus, said string) *status.Error {
	switch {
	case end.Signaled():
		return failure("4.3.0", fmt.Sprintf("Command died with signal %d: %q", end.Signal(), path), said)
	case end.ExitStatus() == 0:
		return nil
	}
	for class := 4; class <= 5; class++ {
		// A code alone says no more than the exit status does, so that explains it.
		if enhanced, rest := status.SplitEnhanced(class*100, said); enhanced != "" {
			if rest == "" {
				rest = died(path, end.ExitStatus())
			}
			return failure(enhanced, rest, "")
		}
	}
	enhanced, _ := sysexit(end.ExitStatus())
	if enhanced == "" {
		enhanced = "5.3.0"
	}
	return failure(enhanced, died(path, end.ExitStatus()), said)
}

func died(path string, code int) string {
	if _, text := sysexit(code); text != "" {
		return text
	}
	return fmt.Sprintf("Command died with status %d: %q", code, path)
}

// failure is the error for a command that did not deliver, in Postfix's words.
func failure(enhanced, text, said string) *status.Error {
	if said != "" {
		text += ". Command output: " + said
	}
	code := 451
	if enhanced[0] == '5' {
		code = 550
	}
	return status.New(code, enhanced, "%s", text)
}
