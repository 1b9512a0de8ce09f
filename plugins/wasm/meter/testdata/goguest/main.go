// Command goguest is a guest compiled by Go: a runtime with its own stack, scheduler and collector, thousands of
// functions, and each of them one big loop.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o goguest.wasm .
package main

import "sort"

var words = []string{"mail", "queue", "bounce", "hold", "defer", "relay", "sender", "recipient"}

var kept [][]byte

// Sum sorts, hashes into a map and allocates enough to make the collector run.
//
//go:wasmexport sum
func sum(n int32) int32 {
	counts := map[string]int{}
	h := int32(7)
	for i := int32(0); i < n; i++ {
		w := words[uint32(h>>3)%uint32(len(words))]
		counts[w]++
		h = h*31 + int32(len(w))
		kept = append(kept, make([]byte, 1000))
		if len(kept) > 100 {
			kept = nil
		}
	}
	keys := make([]string, 0, len(counts))
	for w := range counts {
		keys = append(keys, w)
	}
	sort.Strings(keys)
	for _, w := range keys {
		h = h*33 + int32(counts[w])
	}
	return h
}

// Boom panics.
//
//go:wasmexport boom
func boom() int32 { return int32(len(words[len(kept)+1000])) }

// Spin never ends.
//
//go:wasmexport spin
func spin() int32 {
	for i := int32(1); ; i++ {
		if i == 0 {
			return sum(3)
		}
	}
}

func main() {}
