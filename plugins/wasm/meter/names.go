package meter

// Subsections of the name section, core specification appendix "Name Section".
const (
	namesModule    = 0
	namesFunctions = 1
	namesLocals    = 2
)

// What a stack trace calls the functions that charge for bulk operations or do them.
const (
	chargeName = "mtad_meter.charge"
	fillName   = "mtad_meter.fill"
	copyName   = "mtad_meter.copy"
)

// nameSection renumbers the functions in the name section, so that stack traces name the guest's functions, and
// returns its payload. Names of other things are dropped: no engine shows them.
func (m *module) nameSection() ([]byte, error) {
	e := newEditor(*m.names)
	e.out = appendName(e.out, "name")
	last := -1
	for e.more() {
		at := e.pos
		id := e.byte()
		sub := newEditor(e.part(e.u32()))
		if int(id) <= last {
			sub.fail(at, ErrMalformed, "names %d repeated or out of order", id)
		}
		last = int(id)
		m.nameSubsection(sub, id)
		sub.keep()
		e.err = sub.err
		if id <= namesLocals {
			e.out = appendSized(append(e.out, id), sub.out)
		}
	}
	return e.out, e.err
}

// nameSubsection rewrites the subsections that are kept; others are left unread.
func (m *module) nameSubsection(e *editor, id byte) {
	switch id {
	case namesModule:
		e.name()
	case namesFunctions:
		n := e.vector(maxFunctions, "function names", addedFunctions)
		for i := 0; i < n && e.err == nil; i++ {
			m.function(e)
			e.name()
		}
		e.keep()
		e.out = appendName(appendU32(e.out, m.chargeFunction()), chargeName)
		e.out = appendName(appendU32(e.out, m.fillFunction()), fillName)
		e.out = appendName(appendU32(e.out, m.copyFunction()), copyName)
	case namesLocals:
		n := e.vector(maxFunctions, "functions with named locals", 0)
		for i := 0; i < n && e.err == nil; i++ {
			m.function(e)
			locals := e.count(maxLocals, "local names")
			for j := 0; j < locals && e.err == nil; j++ {
				e.u32()
				e.name()
			}
		}
	default:
		return
	}
	e.done("names")
}
