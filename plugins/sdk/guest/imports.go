//go:build wasip1

package guest

import "unsafe"

// The functions of ABI 1 that every plugin is granted. Pointers and lengths name the guest's own
// memory.

//go:wasmimport mtad1 get
func get(k unsafe.Pointer, kn uint32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1 set
func set(k unsafe.Pointer, kn uint32, v unsafe.Pointer, vn uint32) int32

//go:wasmimport mtad1 hdr_count
func hdrCount() int32

//go:wasmimport mtad1 hdr_get
func hdrGet(i, what int32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1 hdr_find
func hdrFind(n unsafe.Pointer, nn uint32, from int32) int32

//go:wasmimport mtad1 rcpt_count
func rcptCount() int32

//go:wasmimport mtad1 rcpt_get
func rcptGet(i, what int32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1 body_size
func bodySize() int64

//go:wasmimport mtad1 body_read
func bodyRead(off int64, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1 msg_read
func msgRead(off int64, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1 reply
func reply(code int32, e unsafe.Pointer, en uint32, t unsafe.Pointer, tn uint32) int32

//go:wasmimport mtad1 config
func config(k unsafe.Pointer, kn uint32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1 log
func logLine(level int32, p unsafe.Pointer, n uint32)

//go:wasmimport mtad1 now
func now(clock int32) int64

//go:wasmimport mtad1 random
func random(buf unsafe.Pointer, n uint32) int32

//go:wasmimport mtad1 stash_get
func stashGet(scope int32, k unsafe.Pointer, kn uint32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1 stash_set
func stashSet(scope int32, k unsafe.Pointer, kn uint32, v unsafe.Pointer, vn uint32) int32

//go:wasmimport mtad1 counter
func counter(n unsafe.Pointer, nn uint32, delta int64) int32

//go:wasmimport mtad1 feature
func feature(n unsafe.Pointer, nn uint32) int32
