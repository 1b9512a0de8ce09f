package meter

// edit is a change to a function body. Edits are in the order of the body; those at one offset in the order in
// which they take effect.
type edit struct {
	at, end uint32 // input replaced; end 0 for an insertion
	arg     uint32
	kind    editKind
}

type editKind byte

const (
	editPoint       editKind = iota // take fuel; arg is the point
	editFunction                    // arg is the new index
	editCall                        // a call of function arg instead
	editBulk                        // charge for the length on the stack; arg is bytes for each unit of it
	editMemoryGrown                 // charge for the memory's size
	editTableGrown                  // charge for a table's size; arg is the table
	editNumber                      // another number: arg
	editEnter                       // count the frame
	editBranch                      // leave the block numbered arg
	editRestore                     // count the frame no more
	editLeave                       // the same at the end of the function
	editCaught                      // count the frame alone: an exception came through others
)

// meter applies the edits to the body that was scanned.
func (m *module) meter(body *editor, s *scanner) {
	if body.err != nil {
		return
	}
	for _, x := range s.edits {
		body.keepTo(int(x.at))
		if x.end != 0 {
			body.kept = int(x.end)
		}
		switch x.kind {
		case editPoint:
			body.out = m.point(body.out, s, int(x.arg))
		case editFunction, editNumber:
			body.out = appendU32(body.out, x.arg)
		case editCall:
			body.out = appendU32(append(body.out, opCall), x.arg)
		case editEnter:
			body.out = m.emitEnter(body.out, &s.count)
		case editBranch:
			body.out = appendU32(append(body.out, opBr), x.arg)
		case editRestore:
			body.out = m.emitRestore(body.out, &s.count)
		case editLeave:
			body.out = m.emitRestore(append(body.out, opEnd), &s.count)
		case editCaught:
			body.out = m.emitCaught(body.out, &s.count)
		case editBulk:
			body.out = m.callCharge(body.out, x.arg)
		case editMemoryGrown:
			body.out = append(body.out, opMemorySize, 0)
			body.out = append(m.callCharge(body.out, 65536), opDrop)
		case editTableGrown:
			body.out = appendU32(append(body.out, opMisc, miscTableSize), x.arg)
			body.out = append(m.callCharge(body.out, BytesPerElement), opDrop)
		}
	}
	body.keep()
}

// point emits what a point does. The entry of a function is free if what it covers is within what every caller
// pays and cannot recur.
func (m *module) point(out []byte, s *scanner, i int) []byte {
	p := s.points[i]
	if p.caught && s.count.on {
		out = m.emitCaught(out, &s.count)
	}
	switch p.kind {
	case loopHead:
		return m.take(m.test(out, opBr, 1), max(p.cost, 1))
	case loopValue:
		return m.take(m.test(out), max(p.cost, 1))
	}
	if p.cost == 0 || i == 0 && p.cost <= CostCall && !p.calls {
		return out
	}
	out = m.take(out, p.cost)
	if p.kind == takeTest {
		out = m.test(out)
	}
	return out
}

// take emits fuel -= n.
func (m *module) take(out []byte, n int64) []byte {
	out = appendU32(append(out, opGlobalGet), m.fuelGlobal())
	out = append(appendS64(append(out, opI64Const), n), opI64Sub)
	return appendU32(append(out, opGlobalSet), m.fuelGlobal())
}

// test emits: if fuel <= 0, yield and do then.
//
// A loop head branches back to itself after the yield instead of going on. The way into the loop's body then has no
// join behind the call, where the engine would have to restore what the call clobbers (see RATIONALE.md).
func (m *module) test(out []byte, then ...byte) []byte {
	out = appendU32(append(out, opGlobalGet), m.fuelGlobal())
	out = append(out, opI64Const, 0, opI64LeS, opIf, blockEmpty)
	out = appendU32(append(out, opCall), m.yieldFunction())
	return append(append(out, then...), opEnd)
}

// callCharge emits a call that charges for the i32 on top of the stack times each bytes, and leaves it there.
func (m *module) callCharge(out []byte, each uint32) []byte {
	out = append(appendS64(append(out, opI32Const), int64(each)), opCall)
	return appendU32(out, m.chargeFunction())
}

// chargeBody is the function charge(n, each) -> n: fuel -= n*each/BytesPerUnit, then the test.
func (m *module) chargeBody() []byte {
	b := []byte{0} // no locals
	b = appendU32(append(b, opGlobalGet), m.fuelGlobal())
	b = append(b, opLocalGet, 0, opI64ExtendI32U, opLocalGet, 1, opI64ExtendI32U, opI64Mul)
	b = append(b, opI64Const, bytesPerUnitShift, opI64ShrU, opI64Sub)
	b = appendU32(append(b, opGlobalSet), m.fuelGlobal())
	return append(m.test(b), opLocalGet, 0, opEnd)
}
