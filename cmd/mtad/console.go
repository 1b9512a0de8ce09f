package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mtad/mtad/pipeline/console"
)

const helpConsole = `usage: mtad console password NAME [RIGHTS]

Makes an account of the web console: reads a password, of 10 to 72 bytes, from
standard input and prints the line to put into console_password_file. From a
terminal it is asked for twice and not shown. RIGHTS: "view" (the default) sees
everything but the texts of messages; "act" changes the queue, too; with
",read" ("act,read") the account may see texts.

    mtad console password alice act >> /etc/mtad/console
    chown root:postfix /etc/mtad/console; chmod 640 /etc/mtad/console

The file needs no reload.

Exit code: 0 done, 64 usage, 65 a password that is too short, too long or not
twice the same.
`

// consoleVerb is "mtad console".
func consoleVerb(sh *shell, args []string) int {
	if len(args) < 2 || len(args) > 3 || args[0] != "password" {
		return sh.fail(exUsage, "mtad console password NAME [RIGHTS] (mtad console --help)")
	}
	rights := console.View
	if len(args) == 3 {
		var err error
		if rights, err = console.ParseRights(args[2]); err != nil {
			return sh.fail(exUsage, "%v", err)
		}
	}
	password, err := sh.askPassword()
	if err != nil {
		return sh.fail(exDataErr, "%v", err)
	}
	line, err := console.Entry(args[1], rights, password)
	if err != nil {
		return sh.fail(exDataErr, "%v", err)
	}
	sh.print(line + "\n")
	return exOK
}

// askPassword reads the first line of standard input, from a terminal two that must be equal.
func (sh *shell) askPassword() (string, error) {
	terminal, ok := sh.in.(*os.File)
	if !ok || !isTerminal(terminal) {
		return readPassword(bufio.NewReaderSize(sh.in, 4096))
	}
	shown, err := hideInput(terminal)
	if err != nil {
		return "", err
	}
	defer shown()
	in := bufio.NewReaderSize(terminal, 4096)
	fmt.Fprint(sh.err, "password: ")
	first, err := readPassword(in)
	if err != nil {
		return "", err
	}
	fmt.Fprint(sh.err, "\nonce more: ")
	second, err := readPassword(in)
	fmt.Fprintln(sh.err)
	if err == nil && first != second {
		err = errors.New("these are two passwords")
	}
	return first, err
}

func readPassword(in *bufio.Reader) (string, error) {
	line, err := in.ReadSlice('\n')
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return "", fmt.Errorf("no password: %w", err)
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}
