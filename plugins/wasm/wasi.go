package wasm

import (
	"encoding/binary"
	"fmt"
	"time"
)

const wasiModule = "wasi_snapshot_preview1"

// Error numbers of WASI preview 1.
const (
	wasiOK     = 0
	wasiBadFD  = 8
	wasiFault  = 21
	wasiInval  = 28
	wasiNoSys  = 52
	wasiNoSup  = 58
	wasiNoSeek = 70
)

// maxVectors is the most buffers of one fd_write, and the most subscriptions of one poll_oneoff.
const maxVectors = 1024

// maxPrint is how many bytes of one fd_write are looked at for the log; the host's own quota is less.
const maxPrint = 16 << 10

// wasi is WASI preview 1 cut down: clocks, random numbers, standard output into the log. All
// functions are there, so that what compilers link loads; those about files, directories and sockets
// say that there are none. It is ours since every call has to be bounded in time and memory and to
// count against the guest's limits (see RATIONALE.md).
func wasi() []function {
	list := []function{
		{wasiModule, "args_get", "ii>i", answers(wasiOK)},
		{wasiModule, "args_sizes_get", "ii>i", func(g *guest) int64 { return g.write32(0, 0, 1, 0) }},
		{wasiModule, "environ_get", "ii>i", answers(wasiOK)},
		{wasiModule, "environ_sizes_get", "ii>i", func(g *guest) int64 { return g.write32(0, 0, 1, 0) }},
		{wasiModule, "clock_res_get", "ii>i", clockRes},
		{wasiModule, "clock_time_get", "ili>i", clockTime},
		{wasiModule, "fd_close", "i>i", standard(func(*guest) int64 { return wasiOK })},
		{wasiModule, "fd_fdstat_get", "ii>i", standard(fdStat)},
		{wasiModule, "fd_fdstat_set_flags", "ii>i", standard(func(*guest) int64 { return wasiOK })},
		{wasiModule, "fd_filestat_get", "ii>i", standard(fileStat)},
		{wasiModule, "fd_prestat_get", "ii>i", answers(wasiBadFD)},
		{wasiModule, "fd_prestat_dir_name", "iii>i", answers(wasiBadFD)},
		{wasiModule, "fd_read", "iiii>i", standard(func(g *guest) int64 { return g.write32(3, 0) })},
		{wasiModule, "fd_seek", "ilii>i", standard(func(*guest) int64 { return wasiNoSeek })},
		{wasiModule, "fd_tell", "ii>i", standard(func(*guest) int64 { return wasiNoSeek })},
		{wasiModule, "fd_write", "iiii>i", standard(fdWrite)},
		{wasiModule, "poll_oneoff", "iiii>i", pollOneoff},
		{wasiModule, "proc_exit", "i>", func(g *guest) int64 {
			panic(fmt.Errorf("the guest ended itself with code %d", uint32(g.arg[0])))
		}},
		{wasiModule, "random_get", "ii>i", func(g *guest) int64 {
			p, ok := g.mem.Read(uint32(g.arg[0]), uint32(g.arg[1]))
			if !ok {
				return wasiFault
			}
			g.random(p)
			return wasiOK
		}},
		{wasiModule, "sched_yield", ">i", answers(wasiOK)},
	}
	for _, none := range noFiles {
		list = append(list, function{wasiModule, none.name, none.types, answers(none.errno)})
	}
	return list
}

// noFiles are the functions for which there is nothing.
var noFiles = []struct {
	name, types string
	errno       int64
}{
	{"fd_advise", "illi>i", wasiBadFD},
	{"fd_allocate", "ill>i", wasiBadFD},
	{"fd_datasync", "i>i", wasiBadFD},
	{"fd_fdstat_set_rights", "ill>i", wasiBadFD},
	{"fd_filestat_set_size", "il>i", wasiBadFD},
	{"fd_filestat_set_times", "illi>i", wasiBadFD},
	{"fd_pread", "iiili>i", wasiBadFD},
	{"fd_pwrite", "iiili>i", wasiBadFD},
	{"fd_readdir", "iiili>i", wasiBadFD},
	{"fd_renumber", "ii>i", wasiBadFD},
	{"fd_sync", "i>i", wasiBadFD},
	{"path_create_directory", "iii>i", wasiBadFD},
	{"path_filestat_get", "iiiii>i", wasiBadFD},
	{"path_filestat_set_times", "iiiilli>i", wasiBadFD},
	{"path_link", "iiiiiii>i", wasiBadFD},
	{"path_open", "iiiiillii>i", wasiBadFD},
	{"path_readlink", "iiiiii>i", wasiBadFD},
	{"path_remove_directory", "iii>i", wasiBadFD},
	{"path_rename", "iiiiii>i", wasiBadFD},
	{"path_symlink", "iiiii>i", wasiBadFD},
	{"path_unlink_file", "iii>i", wasiBadFD},
	{"proc_raise", "i>i", wasiNoSys},
	{"sock_accept", "iii>i", wasiBadFD},
	{"sock_recv", "iiiiii>i", wasiBadFD},
	{"sock_send", "iiiii>i", wasiBadFD},
	{"sock_shutdown", "ii>i", wasiBadFD},
}

func answers(errno int64) func(*guest) int64 { return func(*guest) int64 { return errno } }

// standard is a function whose first argument is a descriptor: there are 0, 1 and 2.
func standard(call func(*guest) int64) func(*guest) int64 {
	return func(g *guest) int64 {
		if g.arg[0] > 2 {
			return wasiBadFD
		}
		return call(g)
	}
}

// write32 writes numbers to where arguments point: argument, number, argument, number.
func (g *guest) write32(pairs ...int) int64 {
	for i := 0; i < len(pairs); i += 2 {
		if !g.mem.WriteUint32Le(uint32(g.arg[pairs[i]]), uint32(pairs[i+1])) {
			return wasiFault
		}
	}
	return wasiOK
}

func (g *guest) write64(i int, v int64) int64 {
	if !g.mem.WriteUint64Le(uint32(g.arg[i]), uint64(v)) {
		return wasiFault
	}
	return wasiOK
}

// The clocks: 0 is the time since 1970, 1 the monotonic one. Those of processor time are not served.
func clockRes(g *guest) int64 {
	if g.arg[0] > 1 {
		return wasiInval
	}
	return g.write64(1, 1)
}

// Invariant: the monotonic clock is the machine's own and runs on from the module's load, whoever
// the host is. A Go guest reads it in its snapshot and in each call, and its garbage collector ends
// the guest when it finds that time went back.
func clockTime(g *guest) int64 {
	switch g.arg[0] {
	case 0:
		return g.write64(2, g.host.Now(0))
	case 1:
		return g.write64(2, int64(time.Since(g.in.m.born))+1)
	}
	return wasiInval
}

// The descriptors are character devices: type, flags and rights as in the structure fdstat.
const characterDevice = 2

func fdStat(g *guest) int64 {
	const read, write, poll = 1 << 1, 1 << 6, 1 << 27
	var b [24]byte
	b[0] = characterDevice
	rights := uint64(write | poll)
	if g.arg[0] == 0 {
		rights = read | poll
	}
	binary.LittleEndian.PutUint64(b[8:], rights)
	return g.put(1, b[:])
}

func fileStat(g *guest) int64 {
	var b [64]byte
	b[16] = characterDevice
	return g.put(1, b[:])
}

// put writes a structure to where argument i points.
func (g *guest) put(i int, b []byte) int64 {
	if !g.mem.Write(uint32(g.arg[i]), b) {
		return wasiFault
	}
	return wasiOK
}

// fdWrite takes what a guest writes to its standard output and error into the log, a line each.
func fdWrite(g *guest) int64 {
	n := uint32(g.arg[2])
	if g.arg[0] == 0 {
		return wasiBadFD
	}
	if n > maxVectors {
		return wasiInval
	}
	vectors, ok := g.mem.Read(uint32(g.arg[1]), 8*n)
	if !ok {
		return wasiFault
	}
	var text []byte
	var written uint32
	for ; len(vectors) > 0; vectors = vectors[8:] {
		p, ok := g.mem.Read(binary.LittleEndian.Uint32(vectors), binary.LittleEndian.Uint32(vectors[4:]))
		if !ok {
			return wasiFault
		}
		written += uint32(len(p))
		text = append(text, p[:min(len(p), maxPrint-len(text))]...)
	}
	g.in.pay(len(text))
	g.in.out.write(g.host, text)
	if !g.mem.WriteUint32Le(uint32(g.arg[3]), written) {
		return wasiFault
	}
	return wasiOK
}

// pollOneoff waits for the first of the clocks that are subscribed to, not longer than the guest may
// run: sleeping is its own time. Descriptors are never ready.
func pollOneoff(g *guest) int64 {
	n := uint32(g.arg[2])
	if n == 0 || n > maxVectors {
		return wasiInval
	}
	subscriptions, ok := g.mem.Read(uint32(g.arg[0]), 48*n)
	events, ok2 := g.mem.Read(uint32(g.arg[1]), 32*n)
	if !ok || !ok2 {
		return wasiFault
	}
	g.in.pay(len(subscriptions) + len(events))
	first := time.Duration(-1)
	for s := subscriptions; len(s) > 0; s = s[48:] {
		if d, clock := g.timeout(s); clock && (first < 0 || d < first) {
			first = d
		}
	}
	count := 0
	for s := subscriptions; len(s) > 0; s = s[48:] {
		d, clock := g.timeout(s)
		if clock && d > first || !clock && first >= 0 {
			continue
		}
		var e [32]byte
		copy(e[:8], s) // userdata
		if e[10] = s[8]; !clock {
			e[8] = wasiNoSup
		}
		copy(events[32*count:], e[:])
		count++
	}
	g.in.sleep(first)
	return g.write32(3, count)
}

// timeout reads how long a subscription waits; false if it is not about a clock.
func (g *guest) timeout(s []byte) (time.Duration, bool) {
	const clock, absolute = 0, 1
	if s[8] != clock {
		return 0, false
	}
	id, at := binary.LittleEndian.Uint32(s[16:]), int64(min(binary.LittleEndian.Uint64(s[24:]), 1<<62))
	if binary.LittleEndian.Uint16(s[40:])&absolute != 0 {
		at -= g.host.Now(int(min(id, 1)))
	}
	return time.Duration(max(at, 0)), true
}

// sleep waits d, but not longer than the guest may run or its caller wants.
func (in *instance) sleep(d time.Duration) {
	d = min(d, max(0, time.Until(in.deadline))+time.Millisecond)
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-in.ctx.Done():
		panic(in.ctx.Err())
	}
	in.used += d
	in.outOfTime()
}
