//go:build wasip1

package guest

import (
	"unsafe"

	"github.com/mtad/mtad/plugins/sdk"
)

// The functions that need the capability "edit". The linker keeps an import only if it is used,
// and Edits is what uses them: a plugin that does not change messages does not ask for it.

//go:wasmimport mtad1_edit hdr_add
func hdrAdd(n unsafe.Pointer, nn uint32, v unsafe.Pointer, vn uint32, pos int32) int32

//go:wasmimport mtad1_edit hdr_set
func hdrSet(i int32, v unsafe.Pointer, vn uint32) int32

//go:wasmimport mtad1_edit hdr_del
func hdrDel(i int32) int32

//go:wasmimport mtad1_edit body_begin
func bodyBegin() int32

//go:wasmimport mtad1_edit body_write
func bodyWrite(p unsafe.Pointer, n uint32) int32

//go:wasmimport mtad1_edit body_end
func bodyEnd() int32

//go:wasmimport mtad1_edit env_from
func envFrom(p unsafe.Pointer, n uint32) int32

//go:wasmimport mtad1_edit rcpt_add
func rcptAdd(p unsafe.Pointer, n uint32, flags int32) int32

//go:wasmimport mtad1_edit rcpt_del
func rcptDel(i int32) int32

type edits struct{}

func (edits) HdrAdd(name, value string, pos int) sdk.Errno {
	return errno(hdrAdd(ptr(name), size(name), ptr(value), size(value), int32(pos)))
}
func (edits) HdrSet(i int, value string) sdk.Errno {
	return errno(hdrSet(int32(i), ptr(value), size(value)))
}
func (edits) HdrDel(i int) sdk.Errno { return errno(hdrDel(int32(i))) }
func (edits) BodyBegin() sdk.Errno   { return errno(bodyBegin()) }
func (edits) BodyWrite(p []byte) sdk.Errno {
	return errno(bodyWrite(unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))))
}
func (edits) BodyEnd() sdk.Errno               { return errno(bodyEnd()) }
func (edits) EnvFrom(address string) sdk.Errno { return errno(envFrom(ptr(address), size(address))) }
func (edits) RcptAdd(address string, flags int) sdk.Errno {
	return errno(rcptAdd(ptr(address), size(address), int32(flags)))
}
func (edits) RcptDel(i int) sdk.Errno { return errno(rcptDel(int32(i))) }

// RegisterEditor is Register for a plugin that changes messages: the module then asks for the
// capability "edit".
func RegisterEditor(p sdk.Plugin) { register(p, edits{}) }
