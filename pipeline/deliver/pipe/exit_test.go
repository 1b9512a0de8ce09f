package pipe_test

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/mtad/mtad/queue"
)

// fate ends as its first argument says. The comparison with Postfix runs the same script.
//
//go:embed testdata/fate
var fate string

// outcome is what a fate comes to; %s is the path of the command.
type outcome struct {
	fate    string
	outcome queue.Outcome
	reply   string
}

func bounced(fate, enhanced, text string) outcome {
	return outcome{fate, queue.Bounced, "550 " + enhanced + " " + text}
}

func deferred(fate, enhanced, text string) outcome {
	return outcome{fate, queue.Deferred4, "451 " + enhanced + " " + text}
}

// outcomes are those of pipe(8) of Postfix 3.7, but for spaces at the end.
func outcomes() []outcome {
	return []outcome{
		{"exit0", queue.Sent, "250 2.0.0 delivered via prog service"},
		{"noread0", queue.Sent, "250 2.0.0 delivered via prog service"},
		{"out0", queue.Sent, "250 2.0.0 delivered via prog service (some  output tab second line)"},
		{"dsnzero", queue.Sent, "250 2.0.0 delivered via prog service (5.7.9 hm)"},
		bounced("exit1", "5.3.0", `Command died with status 1: "%s"`),
		bounced("exit2", "5.3.0", `Command died with status 2: "%s"`),
		bounced("exit63", "5.3.0", `Command died with status 63: "%s"`),
		bounced("exit64", "5.3.0", "command line usage error"),
		bounced("exit65", "5.6.0", "data format error"),
		bounced("exit66", "5.3.0", "cannot open input"),
		bounced("exit67", "5.1.1", "user unknown"),
		bounced("noread67", "5.1.1", "user unknown"),
		bounced("exit68", "5.1.2", "host name unknown"),
		bounced("exit69", "5.3.0", "service unavailable"),
		bounced("exit70", "5.3.0", "internal software error"),
		deferred("exit71", "4.3.0", "system resource problem"),
		bounced("exit72", "5.3.0", "critical OS file missing"),
		bounced("exit73", "5.2.0", "can't create user output file"),
		bounced("exit74", "5.3.0", "input/output error"),
		deferred("exit75", "4.3.0", "temporary failure"),
		bounced("exit76", "5.5.0", "remote error in protocol"),
		bounced("exit77", "5.7.0", "permission denied"),
		bounced("exit78", "5.3.5", "local configuration error"),
		bounced("exit79", "5.3.0", `Command died with status 79: "%s"`),
		bounced("exit127", "5.3.0", `Command died with status 127: "%s"`),
		bounced("exit255", "5.3.0", `Command died with status 255: "%s"`),
		bounced("out1", "5.3.0", `Command died with status 1: "%s". Command output: some  output tab second line`),
		bounced("out67", "5.1.1", "user unknown. Command output: some  output tab second line"),
		deferred("out75", "4.3.0", "temporary failure. Command output: some  output tab second line"),
		deferred("dsn4", "4.1.2", "try later friend"),
		bounced("dsn5", "5.7.9", "go away"),
		bounced("dsn5one", "5.7.9", "go away"),
		deferred("dsn4one", "4.7.9", "go away"),
		bounced("dsnspace", "5.1.1", "user unknown. Command output:  4.7.9 x"),
		bounced("dsncolon", "5.1.1", "user unknown. Command output: 4.7.9: x"),
		deferred("sig", "4.3.0", `Command died with signal 9: "%s"`),
		deferred("sigterm", "4.3.0", `Command died with signal 15: "%s". Command output: hi`),
		bounced("bin", "5.1.1", "user unknown. Command output: a_b_cü_d   x"),
	}
}

func (o outcome) replyOf(path string) string {
	if strings.Contains(o.reply, "%s") {
		return fmt.Sprintf(o.reply, path)
	}
	return o.reply
}

func TestHowACommandEndsDecides(t *testing.T) {
	w := newWorld(t)
	path := w.script("fate", fate)
	a := w.agent("user=" + self(t) + " argv=" + path + " ${user}")
	own := []outcome{ // where Postfix is not followed
		bounced("dsntwo", "5.1.1", "user unknown. Command output: 2.7.9 x"),
		deferred("dsnalone", "4.7.9", "user unknown"),
	}
	for _, o := range append(outcomes(), own...) {
		t.Run(o.fate, func(t *testing.T) {
			want(t, deliver(t, a, request(message, "a@s.test", o.fate+"@r.test"))[0], o.outcome, o.replyOf(path))
		})
	}
}

func TestOutputIsKeptToALimit(t *testing.T) {
	w := newWorld(t)
	a := w.agent("user=" + self(t) + " argv=" + w.script("fate", fate) + " long")
	got := deliver(t, a, request(message, "a@s.test", "b@r.test"))[0].Reply.Text
	if !strings.HasPrefix(got, "user unknown. Command output: line 0 of a long text line 1 of") || len(got) > 4200 || len(got) < 4000 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
