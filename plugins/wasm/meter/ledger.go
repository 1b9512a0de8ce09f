package meter

// point is a place in a function where fuel is taken for the code that is certain to have come through it and
// through no later point.
type point struct {
	cost  int64
	kind  pointKind
	calls bool // the code it covers contains a call
	// caught: exceptions come to this loop.
	caught bool
}

type pointKind byte

const (
	takeOnly  pointKind = iota
	takeTest            // take, then yield if the fuel is used up
	loopHead            // yield while the fuel is used up, then take
	loopValue           // the same for a loop with parameters
)

// frame is a block being read.
type frame struct {
	op              byte   // what opened it; opElse in the second arm of an if; 0 for the function itself
	params, results uint32 // of the block type
	point           int    // what paid for the code just before the block
	tested          int64  // ledger.tested at that place; for a loop, at its head
	head            int    // of a loop: its point
	caught          bool   // exceptions come to its label
}

// labelArity is how many values a branch to the block carries.
func (f *frame) labelArity() int64 {
	if f.op == opLoop {
		return int64(f.params)
	}
	return int64(f.results)
}

// ledger assigns the cost of each instruction of one function to a point.
//
// Invariant: every execution of an instruction is preceded by one execution of its point, with no other
// execution of that instruction in between. It holds because (1) a point is placed between two instructions of
// some block and covers only what follows within that block, nested blocks included, loops excluded; structured
// control flow gives no way past it to there except from its front; (2) control flows backwards to loop heads
// only, and each of those has its own point; (3) behind a block, where branches may arrive that passed none of
// the points within it, the point from before the block pays again.
type ledger struct {
	points []point
	frames []frame
	edits  []edit
	cur    int   // the point that pays now
	total  int64 // cost of all instructions so far, in the order of the code
	tested int64 // total at the last test that is certain to have been executed
}

// reset begins a function, the edits of whose locals are there already and whose code starts at offset at. Its entry is point 0.
func (l *ledger) reset(results uint32, at int) {
	l.points = l.points[:0]
	l.frames = append(l.frames[:0], frame{results: results})
	l.total, l.tested = 0, 0
	l.place(takeTest, at)
}

// place starts a new point before the instruction at offset at.
func (l *ledger) place(kind pointKind, at int) {
	l.cur = len(l.points)
	l.points = append(l.points, point{kind: kind})
	l.edits = append(l.edits, edit{at: uint32(at), kind: editPoint, arg: uint32(l.cur)})
	if kind != takeOnly {
		l.tested = l.total
	}
}

// spend charges cost to the present point. at is where the next instruction begins.
func (l *ledger) spend(cost int64, at int) {
	l.points[l.cur].cost += cost
	l.total += cost
	if l.total-l.tested >= CheckInterval {
		l.place(takeTest, at)
	}
}

// fork is called where control flow parts or joins.
func (l *ledger) fork(at int) {
	if l.points[l.cur].cost >= Granularity {
		l.place(takeOnly, at)
	}
}

// open enters a block whose first instruction is at offset at.
func (l *ledger) open(op byte, params, results uint32, at int) {
	l.frames = append(l.frames, frame{op: op, params: params, results: results, point: l.cur, tested: l.tested})
	switch op {
	case opLoop:
		kind := loopHead
		if params > 0 {
			kind = loopValue
		}
		l.place(kind, at)
		l.frames[len(l.frames)-1].tested, l.frames[len(l.frames)-1].head = l.tested, l.cur
	case opIf:
		l.fork(at)
	}
}

// close leaves the innermost block, or its first arm.
func (l *ledger) close(at int) {
	f := &l.frames[len(l.frames)-1]
	l.cur, l.tested = f.point, f.tested
	l.frames = l.frames[:len(l.frames)-1]
	if len(l.frames) > 0 {
		l.fork(at)
	}
}

// otherwise goes over to the second arm of an if.
func (l *ledger) otherwise(at int) {
	f := &l.frames[len(l.frames)-1]
	f.op = opElse
	l.cur, l.tested = f.point, f.tested
	l.fork(at)
}
