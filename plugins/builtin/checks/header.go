package checks

import (
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// mimeFields are the fields of a message's header that are about MIME.
var mimeFields = []string{"Content-Description", "Content-Disposition", "Content-ID", "Content-Transfer-Encoding",
	"Content-Type", "MIME-Version"}

// header looks the fields of the message up.
func (in *inspection) header() {
	for i := 0; i < in.tx.Host.HdrCount() && !in.over; i++ {
		raw, e := in.tx.Host.HdrGet(i, sdk.PartRaw)
		if e != sdk.OK {
			in.fault(e)
			return
		}
		field := joined(raw)
		ch := in.look(classOf(field, inHeader), field)
		i = in.edit(i, ch)
	}
}

// edit makes a change of field i and returns the index of the last field that it left there.
func (in *inspection) edit(i int, ch change) int {
	if ch.before != "" && in.insert(i, ch.before) {
		i++
	}
	if !ch.drop || ch.put != "" && !in.insert(i, ch.put) {
		return i
	}
	if ch.put != "" {
		i++
	}
	in.errno(in.tx.Host.HdrDel(i))
	return i - 1
}

// insert puts a field before field i. A text that is no field is left out with a warning.
func (in *inspection) insert(i int, field string) bool {
	name, value, ok := strings.Cut(field, ":")
	name = strings.TrimRight(name, " \t")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		in.tx.Log(sdk.LevelWarn, "header checks: "+field+": is no header field")
		return false
	}
	in.errno(in.tx.Host.HdrAdd(name, strings.TrimPrefix(value, " "), i))
	return in.err == nil
}

// classOf is the class of a field in a header of class c.
func classOf(field string, c class) class {
	if c == inMIME || len(field) == 0 || field[0]|0x20 != 'c' && field[0]|0x20 != 'm' {
		return c
	}
	name, _, _ := strings.Cut(field, ":")
	name = strings.TrimRight(name, " \t")
	for _, f := range mimeFields {
		if strings.EqualFold(name, f) {
			return inMIME
		}
	}
	return c
}

// joined is a field as the tables see it: lines that end in LF, and no line end behind the last.
func joined(raw []byte) string {
	s := strings.TrimRight(string(raw), "\r\n")
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	return s
}
