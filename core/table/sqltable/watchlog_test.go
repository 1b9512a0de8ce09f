package sqltable

import (
	"bufio"
	"io"
	"strings"
)

// watchLog reads a log to its end. It sends "" once a line has the words, or else the whole log.
func watchLog(log io.Reader, words string, ready chan<- string) {
	var all strings.Builder
	said := false
	for in := bufio.NewScanner(log); in.Scan(); {
		all.WriteString(in.Text() + "\n")
		if !said && strings.Contains(in.Text(), words) {
			said = true
			ready <- ""
		}
	}
	if !said {
		ready <- all.String()
	}
}
