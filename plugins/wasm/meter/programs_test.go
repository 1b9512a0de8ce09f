package meter

// The hand-made programs. Each exports functions that take and return i32s.

// everyIndex has something in every index space and refers to all of it from everywhere that can: what adding one
// import shifts, it shifts here.
func everyIndex() *program {
	p := &program{dataCount: true}
	v := p.sig(nil, nil)
	one := p.sig(valTypes(I32), valTypes(I32))
	two := p.sig(valTypes(I32, I32), valTypes(I32))
	p.importFn("env", "twice", one)
	p.imports = append(p.imports, append(appendName(appendName(nil, "env"), "base"), byte(Global), byte(I32), 0))
	p.importFn("env", "note", v)
	p.tables = append(p.tables, []byte{byte(FuncRef), 0, 8}, []byte{byte(FuncRef), 1, 2, 9})
	p.memory(1, 2)
	p.globals = append(p.globals, []byte{byte(I32), 1, opGlobalGet, 0, opEnd}) // 1, from the imported one
	p.global(FuncRef, 0, opRefFunc, 3)                                         // 2
	p.global(I64, 1, opI64Const, 5)                                            // 3
	p.export("count", Global, 1)

	square := p.fn("square", one, nil, get(0), get(0), op(opI32Mul))                                // 2
	negate := p.fn("negate", one, nil, i32c(0), get(0), op(opI32Sub))                               // 3
	start := p.fn("", v, nil, op(opGlobalGet, 1), i32c(100), op(opI32Add, opGlobalSet, 1), call(1)) // 4
	p.fn("apply", two, nil, get(1), get(0), op(opCallIndirect, one, 0))                             // 5
	p.fn("apply1", two, nil, get(1), get(0), op(opCallIndirect, one, 1))
	p.fn("refs", one, nil, i32c(0), op(opGlobalGet, 2, opTableSet, 1),
		i32c(1), op(opRefFunc, square, opTableSet, 1),
		i32c(2), i32c(0), i32c(2), op(opMisc, miscTableInit, 1, 0), op(opMisc, miscElemDrop, 1),
		get(0), call(0), call(negate))
	p.fn("data", one, nil, get(0), i32c(1), i32c(3), op(opMisc, miscMemoryInit, 1, 0), op(opMisc, miscDataDrop, 1),
		get(0), op(opI32Load, 2, 0), op(opGlobalGet, 1, opI32Add))
	p.fn("size", one, nil, get(0), op(opMemoryGrow, 0, opDrop, opMemorySize, 0),
		op(opRefNull, byte(FuncRef)), get(0), op(opMisc, miscTableGrow, 1, opDrop, opMisc, miscTableSize, 1, opI32Add))
	p.start = []byte{start}
	p.elems = append(p.elems,
		append(append([]byte{0}, i32c(0)...), opEnd, 3, square, negate, 0),                     // active, twice last
		[]byte{1, 0, 2, negate, square},                                                        // passive
		append(append([]byte{6, 1}, i32c(0)...), opEnd, byte(FuncRef), 1, opRefFunc, 0, opEnd), // active, table 1
		[]byte{3, 0, 1, square})                                                                // declarative
	p.datas = append(p.datas,
		append(append([]byte{0}, i32c(8)...), append([]byte{opEnd, 4}, "\x01\x02\x03\x04"...)...),
		append([]byte{1, 5}, "hello"...))
	return p
}

// branches has every way to leave a block, loops with parameters and results, and arms of very different size.
func branches() *program {
	p := &program{}
	one := p.sig(valTypes(I32), valTypes(I32))
	pair := p.sig(valTypes(I32, I32), valTypes(I32, I32))
	locals := []byte{1, 2, byte(I32)}
	work := func(n int) []byte { // n times: local 1 = local 1 * 3 + 1
		var c [][]byte
		for range n {
			c = append(c, get(1), i32c(3), op(opI32Mul), i32c(1), op(opI32Add), set(1))
		}
		return seq(c...)
	}
	p.fn("table", one, locals,
		op(opBlock, blockEmpty, opBlock, blockEmpty, opBlock, blockEmpty, opBlock, blockEmpty),
		work(40), get(0), op(opBrTable, 3, 0, 1, 2, 3, opEnd),
		work(1), get(1), op(opReturn, opEnd),
		work(200), op(opBr, 1, opEnd),
		work(3), op(opEnd), work(2), get(1))
	p.fn("arms", one, locals, work(30),
		get(0), op(opIf, blockEmpty), work(100), op(opElse),
		get(1), op(opIf, byte(I32)), work(50), i32c(4), op(opElse), i32c(5), op(opEnd), set(2), op(opEnd),
		work(25), get(1), get(2), op(opI32Add))
	p.fn("swap", one, locals, // a loop that carries two values round and out
		get(0), i32c(1), op(opLoop, pair), op(opLocalTee, 1, opI32Mul), get(1), i32c(2), op(opI32Add),
		get(1), i32c(40), op(0x48, opBrIf, 0), // i32.lt_s
		op(opEnd, opI32Add))
	p.fn("nest", one, locals,
		loop(i32c(5), set(2), countdown(2, work(1), op(opBlock, blockEmpty), get(1), i32c(7), op(opI32RemU), op(opBrIf, 0), work(30), op(opEnd)),
			get(0), i32c(1), op(opI32Sub), op(opLocalTee, 0), i32c(0), op(0x4a, opBrIf, 0)), // i32.gt_s
		get(1))
	p.fn("long", one, locals, work(3000), get(1)) // beyond CheckInterval
	p.fn("dead", one, locals, op(opBlock, blockEmpty), op(opBr, 0), work(300),
		op(opI32Add, opDrop, opEnd), get(0), op(opReturn), loop(op(opBr, 0)), op(opUnreachable))
	return p
}

// exceptions throws and catches, into blocks and back to a loop.
func exceptions() *program {
	p := &program{}
	v := p.sig(nil, nil)
	one := p.sig(valTypes(I32), valTypes(I32))
	tag := p.sig(valTypes(I32), nil)
	p.tags = append(p.tags, []byte{0, tag}, []byte{0, v})
	thrower := p.fn("", one, nil, get(0), i32c(3), op(opI32RemU, opIf, blockEmpty), get(0), op(opThrow, 0, opEnd), op(opThrow, 1))
	p.fn("catch", one, nil, op(opBlock, blockEmpty, opBlock, byte(I32), opTryTable, blockEmpty, 2, 0, 0, 0, 2, 1),
		get(0), call(thrower), op(opDrop, opEnd, opUnreachable, opEnd), op(opReturn, opEnd), i32c(-1))
	// What counts is a global: the engine's compiler forgets, at a catch, what the block did to locals.
	left := p.global(I32, 1, i32c(0)...)
	p.fn("again", one, nil, get(0), op(opGlobalSet, left), loop(op(opTryTable, blockEmpty, 1, 2, 0), // back to the loop
		op(opGlobalGet, left), op(opI32Eqz, opIf, blockEmpty), i32c(7), op(opReturn, opEnd),
		op(opGlobalGet, left), i32c(1), op(opI32Sub, opGlobalSet, left), op(opGlobalGet, left), call(thrower),
		op(opDrop, opEnd)), op(opUnreachable))
	p.fn("rethrow", one, nil, op(opBlock, byte(ExnRef), opTryTable, blockEmpty, 1, 3, 0), get(0), call(thrower),
		op(opDrop, opEnd, opUnreachable, opEnd, opThrowRef))
	return p
}

// vectors uses an opcode of each shape after the SIMD prefix.
func vectors() *program {
	p := &program{}
	one := p.sig(valTypes(I32), valTypes(I32))
	p.memory(1, 0)
	p.global(V128, 0, append([]byte{opSIMD, simdConst}, "0123456789abcdef"...)...)
	lanes := append([]byte{opSIMD, simdShuffle}, 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31)
	p.fn("mix", one, []byte{1, 1, byte(V128)},
		get(0), op(opSIMD, 0x11), op(opGlobalGet, 0), lanes, op(opLocalTee, 1), // i32x4.splat
		get(1), op(opSIMD, 0xb5, 1), set(1), // i32x4.mul: two bytes
		get(0), i32c(255), op(0x71), get(1), op(opSIMD, 0x0b, 4, 8), // v128.store
		get(0), i32c(255), op(0x71), get(1), op(opSIMD, 0x54, 0, 3, 5), // v128.load8_lane
		get(1), op(opSIMD, simdF32Div, 1), set(1),
		get(1), op(opSIMD, 0x1b, 2), get(1), op(opSIMD, 0x53, opI32Add)) // extract_lane, any_true
	return p
}

// tailCalls loops by calling.
func tailCalls() *program {
	p := &program{}
	two := p.sig(valTypes(I32, I32), valTypes(I32))
	p.tables = append(p.tables, []byte{byte(FuncRef), 0, 2})
	p.fn("down", two, nil, get(0), op(opI32Eqz, opIf, blockEmpty), get(1), op(opReturn, opEnd),
		get(0), i32c(1), op(opI32Sub), get(1), i32c(3), op(opI32Mul), op(opReturnCall, 1))
	p.fn("across", two, nil, get(0), op(opI32Eqz, opIf, blockEmpty), get(1), op(opReturn, opEnd),
		get(0), i32c(1), op(opI32Sub), get(1), i32c(1), op(opI32Add),
		get(0), i32c(1), op(0x71), op(opReturnCallIndirect, two, 0))
	p.elems = append(p.elems, append(append([]byte{0}, i32c(0)...), opEnd, 2, 0, 1))
	return p
}
