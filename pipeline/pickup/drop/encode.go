package drop

import (
	"io"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
)

// version is the number in the first line. A change that an older reader would misread gets a
// new one.
const version = "mtad-drop 1"

// The words of the format for the values of an envelope.
var (
	bodyWords   = map[mail.BodyType]string{mail.Body7Bit: "7bit", mail.Body8BitMIME: "8bitmime"}
	retWords    = map[mail.Ret]string{mail.RetFull: "full", mail.RetHeaders: "hdrs"}
	traceWords  = map[mail.Trace]string{mail.TraceVerify: "verify", mail.TraceRecord: "record"}
	notifyWords = []struct {
		bit  mail.Notify
		word string
	}{
		{mail.NotifyNever, "never"}, {mail.NotifySuccess, "success"},
		{mail.NotifyFailure, "failure"}, {mail.NotifyDelay, "delay"},
	}
)

// Encode writes env and the size bytes of text to w.
func Encode(w io.Writer, env *mail.Envelope, text io.Reader, size int64) error {
	if _, err := w.Write(appendHead(nil, env, size)); err != nil {
		return err
	}
	n, err := io.Copy(w, text)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Reader returns what Encode writes as something to read.
func Reader(env *mail.Envelope, text io.Reader, size int64) io.Reader {
	return io.MultiReader(strings.NewReader(string(appendHead(nil, env, size))), text)
}

// Head returns the length of the head that Encode writes before the message, in bytes.
func Head(env *mail.Envelope, size int64) int64 { return int64(len(appendHead(nil, env, size))) }

func appendHead(b []byte, env *mail.Envelope, size int64) []byte {
	b = append(b, version+"\narrived "...)
	b = strconv.AppendInt(b, env.Arrived.UnixMilli(), 10)
	b = append(b, "\nsize "...)
	b = strconv.AppendInt(b, size, 10)
	b = append(b, "\nsender "...)
	b = strconv.AppendQuote(b, env.Sender)
	b = append(b, '\n')
	if word, ok := bodyWords[env.Body]; ok {
		b = append(append(append(b, "body "...), word...), '\n')
	}
	if env.SMTPUTF8 {
		b = append(b, "smtputf8\n"...)
	}
	if word, ok := retWords[env.Ret]; ok {
		b = append(append(append(b, "ret "...), word...), '\n')
	}
	if word, ok := traceWords[env.Trace]; ok {
		b = append(append(append(b, "trace "...), word...), '\n')
	}
	if env.EnvID != "" {
		b = append(strconv.AppendQuote(append(b, "envid "...), env.EnvID), '\n')
	}
	if env.VERP != "" {
		b = append(strconv.AppendQuote(append(b, "verp "...), env.VERP), '\n')
	}
	for i := range env.Recipients {
		b = appendRecipient(b, &env.Recipients[i])
	}
	return append(b, '\n')
}

func appendRecipient(b []byte, r *mail.Recipient) []byte {
	b = strconv.AppendQuote(append(b, "recipient "...), r.Address)
	for i, sep := 0, " notify="; i < len(notifyWords); i++ {
		if r.Notify&notifyWords[i].bit != 0 {
			b = append(append(b, sep...), notifyWords[i].word...)
			sep = ","
		}
	}
	if r.ORcpt != "" {
		b = strconv.AppendQuote(append(b, " orcpt="...), r.ORcpt)
	}
	return append(b, '\n')
}
