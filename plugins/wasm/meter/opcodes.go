package meter

// Opcodes that are treated one by one, core specification §5.4. The rest go by their operands alone.
const (
	opUnreachable        = 0x00
	opNop                = 0x01
	opBlock              = 0x02
	opLoop               = 0x03
	opIf                 = 0x04
	opElse               = 0x05
	opThrow              = 0x08 // exception handling
	opThrowRef           = 0x0a
	opEnd                = 0x0b
	opBr                 = 0x0c
	opBrIf               = 0x0d
	opBrTable            = 0x0e
	opReturn             = 0x0f
	opCall               = 0x10
	opCallIndirect       = 0x11
	opReturnCall         = 0x12 // tail calls
	opReturnCallIndirect = 0x13
	opDrop               = 0x1a
	opSelect             = 0x1b
	opSelectTyped        = 0x1c
	opTryTable           = 0x1f
	opLocalGet           = 0x20
	opLocalSet           = 0x21
	opLocalTee           = 0x22
	opGlobalGet          = 0x23
	opGlobalSet          = 0x24
	opTableGet           = 0x25
	opTableSet           = 0x26
	opI32Load            = 0x28
	opI64Store32         = 0x3e
	opMemorySize         = 0x3f
	opMemoryGrow         = 0x40
	opI32Const           = 0x41
	opI64Const           = 0x42
	opF32Const           = 0x43
	opF64Const           = 0x44
	opI32Eqz             = 0x45 // first of those without operands
	opI32LtS             = 0x48
	opI32GtU             = 0x4b
	opI32LeU             = 0x4d
	opI64GtU             = 0x56
	opI64LeS             = 0x57
	opI32Add             = 0x6a
	opI32Sub             = 0x6b
	opI32Mul             = 0x6c
	opI32DivS            = 0x6d
	opI32RemU            = 0x70
	opI64Add             = 0x7c
	opI64Sub             = 0x7d
	opI64Mul             = 0x7e
	opI64DivS            = 0x7f
	opI64RemU            = 0x82
	opI64Shl             = 0x86
	opI64ShrU            = 0x88
	opF32Sqrt            = 0x91
	opF32Div             = 0x95
	opF64Sqrt            = 0x9f
	opF64Div             = 0xa3
	opI64ExtendI32U      = 0xad
	opI64Extend32S       = 0xc4 // last of those without operands
	opRefNull            = 0xd0
	opRefIsNull          = 0xd1
	opRefFunc            = 0xd2
	opGC                 = 0xfb // prefixes
	opMisc               = 0xfc
	opSIMD               = 0xfd
	opAtomic             = 0xfe

	blockEmpty = 0x40
)

// Second bytes after opMisc.
const (
	miscMemoryInit = 0x08
	miscDataDrop   = 0x09
	miscMemoryCopy = 0x0a
	miscMemoryFill = 0x0b
	miscTableInit  = 0x0c
	miscElemDrop   = 0x0d
	miscTableCopy  = 0x0e
	miscTableGrow  = 0x0f
	miscTableSize  = 0x10
	miscTableFill  = 0x11
)

// Second bytes after opSIMD.
const (
	simdConst    = 0x0c
	simdShuffle  = 0x0d
	simdLane     = 0x15 // extract and replace lane
	simdLaneLast = 0x22
	simdMemLane  = 0x54 // load and store lane
	simdMemLast  = 0x5b
	simdZero     = 0x5c // load and zero-extend
	simdZeroLast = 0x5d
	simdF32Sqrt  = 0xe3
	simdF32Div   = 0xe7
	simdF64Sqrt  = 0xef
	simdF64Div   = 0xf3
)

// What follows an opcode is written as a string, one letter for each operand:
//
//	f function    l label          a alignment of an access   4 8 s  bytes of a constant: 4, 8, 16
//	y type        L labels         n number                   i I    signed constant of 32 or 64 bits
//	g global      t table          b byte                     r      heap type
//	v local       e exception tag  z zero byte (memory 0)     S      vector of one value type
const unknown = "?"

// operandsOf tells what follows the opcode op. Blocks and prefixes are not its business.
func operandsOf(op byte) string {
	switch {
	case op >= opI32Eqz && op <= opI64Extend32S:
		return ""
	case op >= opI32Load && op <= opI64Store32:
		return "an"
	case op >= opLocalGet && op <= opLocalTee:
		return "v"
	}
	switch op {
	case opUnreachable, opNop, opElse, opEnd, opReturn, opThrowRef, opDrop, opSelect, opRefIsNull:
		return ""
	case opBr, opBrIf:
		return "l"
	case opBrTable:
		return "L"
	case opCall, opReturnCall, opRefFunc:
		return "f"
	case opCallIndirect, opReturnCallIndirect:
		return "yt"
	case opSelectTyped:
		return "S"
	case opGlobalGet, opGlobalSet:
		return "g"
	case opTableGet, opTableSet:
		return "t"
	case opThrow:
		return "e"
	case opMemorySize, opMemoryGrow:
		return "z"
	case opI32Const:
		return "i"
	case opI64Const:
		return "I"
	case opF32Const:
		return "4"
	case opF64Const:
		return "8"
	case opRefNull:
		return "r"
	}
	return unknown
}

// miscOperands tells what follows opMisc and sub: saturating truncation, bulk memory, tables.
func miscOperands(sub byte) string {
	if int(sub) >= len(miscTable) {
		return unknown
	}
	return miscTable[sub]
}

// miscTable is read only.
var miscTable = [...]string{
	miscMemoryInit: "nz",
	miscDataDrop:   "n",
	miscMemoryCopy: "zz",
	miscMemoryFill: "z",
	miscTableInit:  "nt",
	miscElemDrop:   "n",
	miscTableCopy:  "tt",
	miscTableGrow:  "t",
	miscTableSize:  "t",
	miscTableFill:  "t",
}

// simdOperands tells what follows opSIMD and sub. The gaps are opcodes that the fixed-width proposal gave up.
func simdOperands(sub byte) string {
	switch {
	case sub < simdConst, sub >= simdZero && sub <= simdZeroLast:
		return "an"
	case sub == simdConst, sub == simdShuffle:
		return "s"
	case sub >= simdLane && sub <= simdLaneLast:
		return "b"
	case sub >= simdMemLane && sub <= simdMemLast:
		return "anb"
	}
	switch sub {
	case 0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf,
		0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee:
		return unknown
	}
	return ""
}
