package meter

// Long fills and copies are done in pieces by functions that are added, and the host is asked before each: one
// operation on all of a memory takes milliseconds when its pages are new.

// pieceBytes is how many bytes memory.fill and memory.copy move at most between two yields.
const pieceBytes = 64 << 10

// fillBody is the function fill(to, value, n), copyBody copy(to, from, n). Within pieces they do what the instruction
// does; one that does not fit into the memory they hand to it as a whole, and it traps before it writes.
func (m *module) fillBody() []byte {
	b := []byte{0} // no locals
	if len(m.memory) == 0 {
		return append(b, opEnd) // nobody calls it
	}
	b = append(b, opBlock, blockEmpty)
	b = m.unlessPieces(b, 0)
	b = append(b, opLoop, blockEmpty)
	b = m.spendPiece(b)
	b = append(b, opLocalGet, 0, opLocalGet, 1)
	b = append(piece(b), opMisc, miscMemoryFill, 0)
	b = move(b, 0, opI32Add)
	return m.lastPiece(move(b, 2, opI32Sub), miscMemoryFill, 0)
}

func (m *module) copyBody() []byte {
	b := []byte{0}
	if len(m.memory) == 0 {
		return append(b, opEnd)
	}
	b = append(b, opBlock, blockEmpty)
	b = m.unlessPieces(m.unlessPieces(b, 0), 1)
	b = append(b, opLocalGet, 0, opLocalGet, 1, opI32GtU, opIf, blockEmpty, opLoop, blockEmpty)
	// To a higher place: from the end.
	b = move(m.spendPiece(b), 2, opI32Sub)
	b = append(b, opLocalGet, 0, opLocalGet, 2, opI32Add, opLocalGet, 1, opLocalGet, 2, opI32Add)
	b = append(piece(b), opMisc, miscMemoryCopy, 0, 0)
	b = append(again(b), opEnd, opElse, opLoop, blockEmpty)
	b = append(m.spendPiece(b), opLocalGet, 0, opLocalGet, 1)
	b = append(piece(b), opMisc, miscMemoryCopy, 0, 0)
	b = move(move(move(b, 0, opI32Add), 1, opI32Add), 2, opI32Sub)
	b = append(again(b), opEnd, opEnd, opEnd)
	return m.rest(b, miscMemoryCopy, 0, 0)
}

// unlessPieces emits a branch out of the block around unless what local at points to is longer than a piece and lies
// within the memory.
func (m *module) unlessPieces(b []byte, at byte) []byte {
	b = append(piece(append(b, opLocalGet, 2)), opI32LeU, opBrIf, 0)
	b = append(b, opLocalGet, at, opI64ExtendI32U, opLocalGet, 2, opI64ExtendI32U, opI64Add)
	return append(b, opMemorySize, 0, opI64ExtendI32U, opI64Const, 16, opI64Shl, opI64GtU, opBrIf, 0)
}

// piece emits the length of a piece.
func piece(b []byte) []byte { return appendS64(append(b, opI32Const), pieceBytes) }

// spendPiece emits fuel -= a piece; yield. Fuel does not tell how long a piece takes: in new pages ten times as
// long as in others, on a busy machine longer still. So the host looks at the clock at each, fuel left or not.
func (m *module) spendPiece(b []byte) []byte {
	return appendU32(append(m.take(b, pieceBytes/BytesPerUnit), opCall), m.yieldFunction())
}

// move emits local = local op a piece.
func move(b []byte, local, op byte) []byte {
	return append(piece(append(b, opLocalGet, local)), op, opLocalSet, local)
}

// again emits a branch to the loop around while more than a piece is left.
func again(b []byte) []byte { return append(piece(append(b, opLocalGet, 2)), opI32GtU, opBrIf, 0) }

// lastPiece ends the loop and the block and does the rest.
func (m *module) lastPiece(b []byte, operation ...byte) []byte {
	return m.rest(append(again(b), opEnd, opEnd), operation...)
}

// rest emits fuel -= n/BytesPerUnit; test; the operation on what is left.
func (m *module) rest(b []byte, operation ...byte) []byte {
	b = appendU32(append(b, opGlobalGet), m.fuelGlobal())
	b = append(b, opLocalGet, 2, opI64ExtendI32U, opI64Const, bytesPerUnitShift, opI64ShrU, opI64Sub)
	b = m.test(appendU32(append(b, opGlobalSet), m.fuelGlobal()))
	b = append(b, opLocalGet, 0, opLocalGet, 1, opLocalGet, 2, opMisc)
	return append(append(b, operation...), opEnd)
}
