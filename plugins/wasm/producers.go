package wasm

import (
	"encoding/binary"
	"slices"

	"github.com/mtad/mtad/core/status"
)

// maxProducers bounds what Producers returns.
const maxProducers = 16

// Producers returns what a module says of the languages and tools that made it, as "Go 1.26": the
// custom section "producers" of WebAssembly's tool conventions. It is what the module says: nothing
// rests on it. A module that says nothing, or nothing readable, gives none.
func Producers(module []byte) []string {
	if len(module) < 8 {
		return nil
	}
	for c := (cutter{module[8:]}); len(c.rest) > 0; {
		kind, ok := c.byte()
		body, ok2 := c.bytes()
		if !ok || !ok2 {
			return nil
		}
		if s := (cutter{body}); kind == 0 {
			if name, ok := s.bytes(); ok && string(name) == "producers" {
				return s.producers()
			}
		}
	}
	return nil
}

// cutter takes a binary text apart.
type cutter struct{ rest []byte }

func (c *cutter) byte() (byte, bool) {
	if len(c.rest) == 0 {
		return 0, false
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b, true
}

func (c *cutter) number() (uint64, bool) {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 || v > 1<<32-1 {
		return 0, false
	}
	c.rest = c.rest[n:]
	return v, true
}

// bytes takes a length and as many bytes.
func (c *cutter) bytes() ([]byte, bool) {
	n, ok := c.number()
	if !ok || n > uint64(len(c.rest)) {
		return nil, false
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b, true
}

// producers reads fields ("language", "processed-by", "sdk") of names and versions.
func (c *cutter) producers() (all []string) {
	fields, ok := c.number()
	for ; ok && fields > 0 && len(all) < maxProducers; fields-- {
		_, ok = c.bytes()
		count, ok2 := c.number()
		for ok = ok && ok2; ok && count > 0 && len(all) < maxProducers; count-- {
			var name, version []byte
			if name, ok = c.bytes(); !ok {
				break
			}
			if version, ok = c.bytes(); !ok {
				break
			}
			said := status.Clean(string(name[:min(len(name), 100)]))
			if len(version) > 0 {
				said += " " + status.Clean(string(version[:min(len(version), 100)]))
			}
			if !slices.Contains(all, said) {
				all = append(all, said)
			}
		}
	}
	return all
}
