package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/mtad/mtad/pipeline/pickup/drop"
)

const helpPostdrop = `usage: postdrop [-r] [-c DIR]

Puts a message from standard input into the maildrop directory, and prints the
name of its file. The message is in the form in which sendmail hands messages
over, not in that of Postfix's postdrop.

  -r      accepted, without effect
  -c DIR  configuration directory

Exit code: 0 done, 65 bad data, 75 try again later, 1 usage.
`

func postdrop(sh *shell, args []string) int {
	opts, rest, err := getopt(args, "c:rv")
	if err == nil && len(rest) > 0 {
		err = errors.New("usage: postdrop [-c config_dir] [-v] [-r]")
	}
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	for _, o := range opts {
		if o.letter == 'c' {
			sh.dir = o.value
		}
	}
	c, err := sh.config()
	if err != nil {
		return sh.fail(exTempFail, "%v", err)
	}
	env, size, text, err := drop.DecodeSized(sh.in)
	if limit := c.Size("message_size_limit"); err == nil && limit > 0 && size > limit {
		return sh.fail(exUnavailable, "message file too big")
	}
	var name string
	if err == nil {
		name, err = drop.Put(dropDir(c), env, text, size)
	}
	switch {
	case errors.Is(err, drop.ErrDamaged), errors.Is(err, io.ErrUnexpectedEOF):
		return sh.fail(exDataErr, "%v", err)
	case err != nil:
		return sh.fail(exTempFail, "%v", err)
	}
	fmt.Fprintln(sh.out, name)
	return exOK
}
