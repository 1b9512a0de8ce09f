package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// usagesAtOnce is how many commands run at a time: Postfix pauses a second after each mistake.
const usagesAtOnce = 12

// scriptBothAll is "bothall FILE": each line of the file is a command with its arguments, in quotes where
// need be, with "< TEXT" behind it for its input. Those of mtad and of Postfix have the same exit code
// and say the same. They run side by side, so that they must not depend on each other.
func scriptBothAll(ts *testscript.TestScript, _ bool, args []string) {
	var lines []string
	for line := range strings.SplitSeq(ts.ReadFile(args[0]), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	differences := make([]string, len(lines))
	free := make(chan struct{}, usagesAtOnce)
	var wg sync.WaitGroup
	for i, line := range lines {
		command, input, _ := strings.Cut(line, " < ")
		command, codeOnly := strings.CutPrefix(command, "~ ")
		words := fieldsOf(command)
		ours, theirs := peerOf(ts, words[0], ts.Getenv("MAIL_CONFIG")), peerOf(ts, theirCommand(words[0]), ts.Getenv("PEER"))
		input = strings.ReplaceAll(input, `\n`, "\n")
		wg.Go(func() {
			free <- struct{}{}
			differences[i] = differ(ours, theirs, input, words[1:], codeOnly)
			<-free
		})
	}
	wg.Wait()
	failed := false
	for i, d := range differences {
		if d != "" {
			failed = true
			ts.Logf("%s: %s", lines[i], d)
		}
	}
	if failed {
		ts.Fatalf("they differ")
	}
}

// differ says how what two programs do differs, "" if it does not.
func differ(ours, theirs peerProgram, input string, args []string, codeOnly bool) string {
	a, code, err := ours.run(input, args...)
	if err != nil {
		return err.Error()
	}
	b, want, err := theirs.run(input, args...)
	if want == exTempFail && code == exUsage {
		want = exUsage // see theirCommand
	}
	switch {
	case err != nil:
		return err.Error()
	case code != want:
		return fmt.Sprintf("exit code %d, Postfix's is %d\n%s\n%s", code, want, a, b)
	case !codeOnly && once(a) != once(b):
		return fmt.Sprintf("mtad says\n%s\nPostfix says\n%s", once(a), once(b))
	}
	return ""
}

// once is an output without the lines that are there twice: Postfix's sendmail reads its options two times.
func once(out string) string {
	return strings.Join(slices.Compact(strings.SplitAfter(normal(out), "\n")), "")
}

// theirCommand is the path of a command of Postfix.
//
// Postfix's sendmail makes each failure, bad usage too, an exit code of 75, by which callers keep the
// message and try again for ever; its code asks for 64, which is lost on the way. Ours is 64.
func theirCommand(name string) string {
	if name == "mailq" {
		return "/usr/bin/mailq"
	}
	return peerCommand(name)
}

// fieldsOf splits a line at spaces; what stands in single quotes is one word.
func fieldsOf(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
