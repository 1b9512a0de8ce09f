package checks

import (
	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/plugins/sdk"
)

// blockSize is how much of a body is copied at a time.
const blockSize = 64 << 10

// body looks the body up, line by line, with the headers of its MIME parts.
func (in *inspection) body() {
	w := checks.Walk{
		ContentType: in.tx.Header("Content-Type"), Size: in.tx.Host.BodySize(), Line: in.o.line, SizeLimit: in.o.sizeLimit,
		Flat: in.o.flat, Nesting: in.o.nesting, Boundary: in.o.boundary,
		Read: func(off int64, p []byte) (int, error) {
			n, e := in.tx.Host.BodyRead(off, p)
			if e != sdk.OK {
				return n, e
			}
			return n, nil
		},
		Look: func(c checks.Class, unit string) (checks.Change, bool) {
			ch := in.look(c, unit)
			return ch, !in.over
		},
		Replace: func(begin, end int64, ch checks.Change, raw string) error {
			in.rewrite.replace(in, begin, end, ch, raw)
			return in.err
		},
	}
	in.fault(w.Run())
	in.rewrite.finish(in)
}

// rewriter writes a body anew as soon as a line of it changes.
type rewriter struct {
	begun bool
	kept  int64 // what of the old body is in the new one, or left out of it
}

// replace makes the change of the unit raw, which stands from begin to end.
func (r *rewriter) replace(in *inspection, begin, end int64, ch checks.Change, raw string) {
	if !r.begun {
		in.errno(in.tx.Host.BodyBegin())
		r.begun = in.err == nil
	}
	r.copy(in, begin)
	r.write(in, ch.Apply(raw))
	r.kept = end
}

func (r *rewriter) write(in *inspection, text string) {
	if r.begun && in.err == nil && text != "" {
		in.errno(in.tx.Host.BodyWrite([]byte(text)))
	}
}

// copy copies the old body up to end.
func (r *rewriter) copy(in *inspection, end int64) {
	buf := make([]byte, min(blockSize, max(end-r.kept, 0)))
	for r.kept < end && in.err == nil {
		n, e := in.tx.Host.BodyRead(r.kept, buf[:min(int64(len(buf)), end-r.kept)])
		if in.errno(e); n == 0 {
			return
		}
		in.errno(in.tx.Host.BodyWrite(buf[:n]))
		r.kept += int64(n)
	}
}

// finish copies the rest and makes what was written the body.
func (r *rewriter) finish(in *inspection) {
	if !r.begun || in.err != nil {
		return
	}
	r.copy(in, in.tx.Host.BodySize())
	in.errno(in.tx.Host.BodyEnd())
}
