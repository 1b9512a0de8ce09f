//go:build wasip1

package guest

import (
	"unsafe"

	"github.com/mtad/mtad/plugins/sdk"
)

// The functions that need the capability "edit".

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

func (host) HdrAdd(name, value string, pos int) sdk.Errno {
	return errno(hdrAdd(ptr(name), size(name), ptr(value), size(value), int32(pos)))
}
func (host) HdrSet(i int, value string) sdk.Errno {
	return errno(hdrSet(int32(i), ptr(value), size(value)))
}
func (host) HdrDel(i int) sdk.Errno { return errno(hdrDel(int32(i))) }
func (host) BodyBegin() sdk.Errno   { return errno(bodyBegin()) }
func (host) BodyWrite(p []byte) sdk.Errno {
	return errno(bodyWrite(unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))))
}
func (host) BodyEnd() sdk.Errno               { return errno(bodyEnd()) }
func (host) EnvFrom(address string) sdk.Errno { return errno(envFrom(ptr(address), size(address))) }
func (host) RcptAdd(address string, flags int) sdk.Errno {
	return errno(rcptAdd(ptr(address), size(address), int32(flags)))
}
func (host) RcptDel(i int) sdk.Errno { return errno(rcptDel(int32(i))) }
