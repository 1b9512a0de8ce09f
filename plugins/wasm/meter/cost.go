package meter

// What execution costs. A unit is one cheap instruction; compiled code executes about ten in a nanosecond. The other
// numbers follow what the engine was measured to take (see RATIONALE.md), to within a small factor.
const (
	// CostCall is paid by the caller for every call, before its arguments and results at one unit each. It covers
	// a callee that outside its loops does no more than that and calls nothing, which is why such a function
	// is not charged on entry.
	CostCall = 16
	// CostDivide is a division, remainder or square root.
	CostDivide = 16
	// CostBulk is a bulk operation on memory or tables, before its length.
	CostBulk = 128
	// CostRuntime is an instruction by which compiled code leaves for the engine or the host: a direct call of an
	// imported function (on top of CostCall), memory.grow, table.grow, ref.func.
	CostRuntime = 256
	// CostException is each try_table, throw and throw_ref.
	CostException = 8192
	// BytesPerUnit is how many bytes memory.fill, memory.copy and memory.init move for one unit, rounded down. An
	// element of a table counts as BytesPerElement. A memory or table asked to grow counts the size that it has
	// afterwards, since the engine may have moved all of it.
	BytesPerUnit    = 1 << bytesPerUnitShift
	BytesPerElement = 16

	// Granularity is about how many units may be charged for code that is then not executed: where control flow
	// parts or joins and more than that has been charged in advance, a new charge begins.
	Granularity = 128
	// CheckInterval is how many units of its own code a function executes at most between two tests of the
	// fuel, one instruction more or less.
	CheckInterval = 4096

	bytesPerUnitShift = 4
)

// weight is the cost of an instruction by its opcode; arguments and results come on top.
func weight(op byte) int64 {
	switch op {
	case opNop, opBlock, opLoop, opElse, opEnd:
		return 0 // compile to nothing
	case opCall, opReturnCall, opCallIndirect, opReturnCallIndirect:
		return CostCall
	case opF32Sqrt, opF32Div, opF64Sqrt, opF64Div:
		return CostDivide
	case opMemoryGrow, opRefFunc:
		return CostRuntime
	case opTryTable, opThrow, opThrowRef:
		return CostException
	}
	if op >= opI32DivS && op <= opI32RemU || op >= opI64DivS && op <= opI64RemU {
		return CostDivide
	}
	return 1
}

// miscWeight is the same after opMisc.
func miscWeight(sub byte) int64 {
	switch sub {
	case miscMemoryInit, miscMemoryCopy, miscMemoryFill, miscTableInit, miscTableCopy, miscTableFill:
		return CostBulk
	case miscTableGrow:
		return CostRuntime
	}
	return 1
}

// simdWeight is the same after opSIMD.
func simdWeight(sub byte) int64 {
	switch sub {
	case simdF32Sqrt, simdF32Div, simdF64Sqrt, simdF64Div:
		return CostDivide
	}
	return 1
}
