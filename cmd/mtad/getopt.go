package main

import (
	"fmt"
	"strings"
)

// option is one option as it was given.
type option struct {
	letter byte
	value  string
}

// getopt reads options as getopt(3) does: letters may be joined, a letter that spec follows with
// ":" has a value (the rest of the word, or the next one), one with "::" has it only in the same
// word, and arguments may stand before options. "--" ends the options.
func getopt(args []string, spec string) (opts []option, rest []string, err error) {
	return readOptions(args, spec, true)
}

// getoptFirst is getopt for commands whose options end at the first argument.
func getoptFirst(args []string, spec string) (opts []option, rest []string, err error) {
	return readOptions(args, spec, false)
}

func readOptions(args []string, spec string, anywhere bool) (opts []option, rest []string, err error) {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if word == "--" {
			return opts, append(rest, args...), nil
		}
		switch plain := len(word) < 2 || word[0] != '-'; {
		case plain && !anywhere:
			return opts, append([]string{word}, args...), nil
		case plain:
			rest = append(rest, word)
			continue
		}
		for word = word[1:]; word != ""; {
			letter := word[0]
			word = word[1:]
			i := strings.IndexByte(spec, letter)
			switch {
			case i < 0 || letter == ':':
				return nil, nil, fmt.Errorf("invalid option -- '%c'", letter)
			case strings.HasPrefix(spec[i+1:], "::"):
				opts, word = append(opts, option{letter, word}), ""
			case !strings.HasPrefix(spec[i+1:], ":"):
				opts = append(opts, option{letter, ""})
			case word != "":
				opts, word = append(opts, option{letter, word}), ""
			case len(args) == 0:
				return nil, nil, fmt.Errorf("option requires an argument -- '%c'", letter)
			default:
				opts, args = append(opts, option{letter, args[0]}), args[1:]
			}
		}
	}
	return opts, rest, nil
}
