package asuser

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// The jobs and answers.
const (
	jobMailbox = "mailbox"
	jobRead    = "read"

	answerDone   = "done"
	answerFailed = "failed"
	answerFile   = "file"
	answerNone   = "none" // there is no such file
	// answerUnusable: there is a file, which may not be read, or is no regular file.
	answerUnusable = "unusable"
)

// job is a delivery without the message.
type job struct {
	name                        string
	owner                       int
	size                        int64
	sender, original, delivered string
	options                     mailbox.Options
}

// optionTexts is where the options begin in a job's texts.
const optionTexts = 7

// frame returns the texts of a job.
func (j *job) frame() []string {
	o := &j.options
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	strict := n(0)
	if o.StrictOwner {
		strict = n(1)
	}
	return []string{jobMailbox, j.name, n(int64(j.owner)), n(j.size), j.sender, j.original, j.delivered, o.Hostname,
		n(o.SizeLimit), n(int64(o.Locks)), n(int64(o.LockAttempts)), n(int64(o.LockDelay)), n(int64(o.StaleLock)), strict, n(int64(o.Create))}
}

// parseJob reads what frame made.
func parseJob(texts []string) (j job, err error) {
	if len(texts) != 15 || texts[0] != jobMailbox {
		return j, errFrame
	}
	var bad error
	n := func(i int, least, most int64) int64 {
		v, err := strconv.ParseInt(texts[i], 10, 64)
		if err != nil || v < least || v > most {
			bad = errFrame
		}
		return v
	}
	const long = int64(24 * time.Hour)
	j = job{name: texts[1], owner: int(n(2, -1, 1<<31)), size: n(3, 0, 1<<50), sender: texts[4], original: texts[5], delivered: texts[6],
		options: mailbox.Options{Hostname: texts[7], SizeLimit: n(8, 0, 1<<62), Locks: mailbox.Locks(n(9, 0, 7)), LockAttempts: int(n(10, 0, 1<<20)),
			LockDelay: time.Duration(n(11, 0, long)), StaleLock: time.Duration(n(12, 0, 1<<62)), StrictOwner: n(13, 0, 1) == 1,
			Create: mailbox.Create(n(14, 0, int64(mailbox.CreateAll)))}}
	return j, bad
}

// failureFrame returns the texts of an error.
func failureFrame(err error) []string {
	e := status.From(err)
	cause := ""
	if e.Cause != nil {
		cause = e.Cause.Error()
	}
	return []string{answerFailed, strconv.Itoa(e.Reply.Code), e.Reply.Enhanced, cut(e.Reply.Text), cut(cause)}
}

func cut(s string) string { return s[:min(len(s), 1000)] }

// parseAnswer reads the end of a delivery: its text, or its error. What is not an answer is an
// error that may pass.
func parseAnswer(texts []string) (string, error) {
	if len(texts) == 2 && texts[0] == answerDone {
		return status.Clean(cut(texts[1])), nil
	}
	if len(texts) != 5 || texts[0] != answerFailed {
		return "", broken(errFrame)
	}
	code, err := strconv.Atoi(texts[1])
	if err != nil || code < 400 || code > 599 || !status.ValidEnhanced(texts[2], code/100) {
		return "", broken(fmt.Errorf("%w: code %q", errFrame, texts[1]))
	}
	e := status.New(code, texts[2], "%s", status.Clean(texts[3]))
	if texts[4] != "" {
		e = e.Because(errors.New(status.Clean(texts[4])))
	}
	return "", e
}

// broken is the error for a deliverer that does not do its work.
func broken(cause error) error {
	return status.Tempfail("4.3.0", "cannot write the mailbox").Because(fmt.Errorf("deliverer: %w", cause))
}
