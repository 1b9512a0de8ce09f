package checks

import (
	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/plugins/sdk"
)

// header looks the fields of the message up.
func (in *inspection) header() {
	for i := 0; i < in.tx.Host.HdrCount() && !in.over; i++ {
		raw, e := in.tx.Host.HdrGet(i, sdk.PartRaw)
		if e != sdk.OK {
			in.fault(e)
			return
		}
		field := checks.Joined(raw)
		ch := in.look(checks.ClassOf(field, checks.Header), field)
		i = in.edit(i, ch)
	}
}

// edit makes a change of field i and returns the index of the last field that it left there.
func (in *inspection) edit(i int, ch checks.Change) int {
	if ch.Before != "" && in.insert(i, ch.Before) {
		i++
	}
	if !ch.Drop || ch.Put != "" && !in.insert(i, ch.Put) {
		return i
	}
	if ch.Put != "" {
		i++
	}
	in.errno(in.tx.Host.HdrDel(i))
	return i - 1
}

// insert puts a field before field i.
func (in *inspection) insert(i int, field string) bool {
	name, value, _ := checks.Field(field)
	in.errno(in.tx.Host.HdrAdd(name, value, i))
	return in.err == nil
}
