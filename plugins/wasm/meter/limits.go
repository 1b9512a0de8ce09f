package meter

// What a module may have at most. The numbers are those that the WebAssembly JavaScript Interface publishes under
// "Implementation-defined Limits" and every browser applies, so that no compiler's output meets them. Where ours is
// another, the line says why.
const (
	maxModule    = 1 << 30 // bytes
	maxTypes     = 1_000_000
	maxFunctions = 1_000_000
	maxImports   = 1_000_000
	maxExports   = 10_000 // not 1,000,000: for each function the engine looks through all of them
	maxGlobals   = 1_000_000
	maxTags      = 1_000_000
	maxElements  = 10_000_000 // segments, entries of one segment, labels of one branch
	maxData      = 100_000
	maxParams    = 1000
	maxResults   = 1000
	maxLocals    = 49_999    // not 50,000: one is added; of one function, parameters included; of all, that and one for each byte of the module
	maxValues    = 100_000   // carried by all calls, blocks and branches of one function, and four for each byte of it
	maxBody      = 7_654_321 // bytes of one function
	maxTables    = 16        // not 100,000: each may grow to Options.MaxTableElements
	maxNesting   = 50_000    // blocks within blocks of one function; the Interface has no such limit
	maxLoops     = 2000      // in one function; nor this: the engine compiles them in quadratic time (see RATIONALE.md)

	wasmPages = 65536      // 64 KiB pages in 4 GiB, all that a 32-bit memory can have
	wasmTable = 10_000_000 // elements of a table
)
