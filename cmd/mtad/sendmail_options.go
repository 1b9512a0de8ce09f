package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/pickup/compose"
)

// sendmailOptions are the letters of sendmail, Postfix's and what other sendmails had.
const sendmailOptions = "A:B:C:F:GIL:N:O:R:UV:X:b:c:d::e:f:h:imno:p:q::r:tv"

// maxEnvID is the longest envelope id (RFC 3461 §4.4).
const maxEnvID = 100

// modeIgnore does nothing, successfully.
const modeIgnore = 0

// request is what sendmail's arguments ask for.
type request struct {
	// mode is the letter of -b, 'm' for a message, or modeIgnore; flush is set for -q.
	mode  byte
	flush *option

	extract, ignoreDots, verbose bool
	trace                        mail.Trace
	sender                       string
	hasSender                    bool
	fullName                     string
	body                         mail.BodyType
	notify                       mail.Notify
	ret                          mail.Ret
	envID                        string
	verp                         bool   // -XV
	delimiters                   string // of it, "" for default_verp_delimiters
	recipients                   []string
}

// readSendmail reads the arguments. What it warns of has no effect, as in Postfix.
func (sh *shell) readSendmail(args []string) (*request, error) {
	opts, rest, err := getopt(args, sendmailOptions)
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
		return nil, fmt.Errorf("usage: %s [options]", sh.name)
	}
	r := &request{mode: 'm'}
	for _, o := range opts {
		if err := sh.sendmailOption(r, o); err != nil {
			return nil, err
		}
	}
	for _, a := range rest {
		for _, address := range compose.Addresses(a) {
			if address != "" {
				r.recipients = append(r.recipients, address)
			}
		}
	}
	if err := r.fits(len(rest)); err != nil {
		return nil, err
	}
	switch {
	case r.mode == 'v':
		r.trace = mail.TraceVerify
	case r.verbose:
		r.trace = mail.TraceRecord
	}
	return r, nil
}

// fits reports whether the options and the arguments go together.
func (r *request) fits(arguments int) error {
	switch {
	case r.mode == 'v' && r.extract:
		return errors.New("-t option cannot be used with -bv")
	case r.mode != 'm' && r.extract:
		return errors.New("-t can be used only in delivery mode")
	case r.mode == 'd' && arguments > 0:
		return errors.New("daemon mode requires no recipient")
	case r.mode == 'i' && arguments > 0:
		return errors.New("alias initialization mode requires no recipient")
	case r.mode == 'p' && arguments > 0:
		return errors.New("display queue mode requires no recipient")
	case r.mode == 's' && arguments > 0:
		return errors.New("stand-alone mode requires no recipient")
	case r.flush != nil && arguments > 0:
		return errors.New("flush queue mode requires no recipient")
	}
	return nil
}

func (sh *shell) sendmailOption(r *request, o option) error {
	switch o.letter {
	case 'f', 'r':
		sh.setSender(r, o.value)
	case 'F':
		r.fullName = o.value
	case 't':
		r.extract = true
	case 'i':
		r.ignoreDots = true
	case 'v':
		r.verbose = true
	case 'I':
		r.mode = 'i'
	case 'C', 'c':
		sh.dir = configDir(o.value)
	case 'B':
		sh.setBody(r, o.value)
	case 'N':
		sh.setNotify(r, o.value)
	case 'R':
		sh.setRet(r, o.value)
	case 'V':
		sh.setEnvID(r, o.value)
	case 'X':
		return sh.setVERP(r, o.value)
	case 'b':
		return r.setMode(o.value)
	case 'q':
		return r.setFlush(o.value)
	case 'o':
		r.setOld(o.value)
	}
	return nil // -A -G -L -O -U -d -e -h -m -n -p mean nothing here, as in Postfix
}

func (sh *shell) setSender(r *request, value string) {
	if value == "" || value == "<>" {
		r.sender, r.hasSender = "", true
		return
	}
	found := compose.Addresses(value)
	if len(found) != 1 || strings.ContainsAny(strings.Trim(value, " "), " ") && !strings.ContainsAny(value, `"<(`) {
		sh.warn("-f option specified malformed sender: %s", value)
		return // the user's own address stays
	}
	r.sender, r.hasSender = found[0], true
}

// configDir is the directory that -C names, by itself or by its main.cf.
func configDir(value string) string {
	if strings.HasSuffix(value, ".cf") {
		return filepath.Dir(value)
	}
	return value
}

func (sh *shell) setBody(r *request, value string) {
	switch strings.ToUpper(value) {
	case "7BIT":
		r.body = mail.Body7Bit
	case "8BITMIME":
		r.body = mail.Body8BitMIME
	default:
		sh.warn("bad -B option value -- ignored")
	}
}

func (sh *shell) setNotify(r *request, value string) {
	words := map[string]mail.Notify{"never": mail.NotifyNever, "success": mail.NotifySuccess,
		"failure": mail.NotifyFailure, "delay": mail.NotifyDelay}
	var n mail.Notify
	for word := range strings.SplitSeq(strings.ToLower(value), ",") {
		bit, ok := words[strings.TrimSpace(word)]
		if n |= bit; !ok || n&mail.NotifyNever != 0 && n != mail.NotifyNever {
			sh.warn("unknown DSN NOTIFY command value %q in %q", word, value)
			sh.warn("bad -N option value -- ignored")
			return
		}
	}
	r.notify = n
}

func (sh *shell) setRet(r *request, value string) {
	switch strings.ToLower(value) {
	case "full":
		r.ret = mail.RetFull
	case "hdrs":
		r.ret = mail.RetHeaders
	default:
		sh.warn("bad -R option value -- ignored")
	}
}

// setEnvID keeps the id as xtext (RFC 3461 §4).
func (sh *shell) setEnvID(r *request, value string) {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c < ' ' || c > '~':
			sh.warn("bad -V option value -- ignored")
			return
		case c == '+' || c == '=' || c == ' ':
			fmt.Fprintf(&b, "+%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() > maxEnvID {
		sh.warn("too long -V option value -- ignored")
		return
	}
	r.envID = b.String()
}

// setVERP reads -XV: a sender for each recipient. -X with anything else named a file of old.
func (sh *shell) setVERP(r *request, value string) error {
	delimiters, ok := strings.CutPrefix(value, "V")
	if !ok {
		return nil
	}
	if delimiters != "" && len(delimiters) != 2 {
		return fmt.Errorf("-V requires two characters from verp_delimiter_filter")
	}
	r.verp, r.delimiters = true, delimiters
	return nil
}

// setMode reads -b.
func (r *request) setMode(value string) error {
	switch value = value[:min(1, len(value))]; value {
	case "m", "p", "i", "s", "v", "d":
		r.mode = value[0]
		return nil
	case "l":
		r.mode = 'd'
		return nil
	case "h", "H": // the status of hosts, which is not kept in files
		r.mode = modeIgnore
		return nil
	}
	return fmt.Errorf("unsupported: -b%s", value)
}

// setFlush reads -q. With an interval it is about queue runs of a daemon, which runs its queue anyway.
func (r *request) setFlush(value string) error {
	switch {
	case value == "":
		r.flush = &option{'f', ""}
	case value == "R":
		return errors.New("specify: -qRsitename")
	case value == "I":
		return errors.New("specify: -qIqueueid")
	case value[0] == 'R':
		r.flush = &option{'s', value[1:]}
	case value[0] == 'I':
		r.flush = &option{'i', value[1:]}
	case value[0] >= '0' && value[0] <= '9':
		if r.mode == 'm' {
			r.mode = modeIgnore
		}
	default:
		return fmt.Errorf("-q%c is not implemented", value[0])
	}
	return nil
}

// setOld reads the -o options of old that mean something.
func (r *request) setOld(value string) {
	switch value {
	case "i":
		r.ignoreDots = true
	case "7":
		r.body = mail.Body7Bit
	case "8":
		r.body = mail.Body8BitMIME
	}
}
