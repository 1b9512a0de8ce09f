// Package meter rewrites WebAssembly modules so that they count what they do and come back to their host when they
// have done enough. The rewritten module computes what the original computes.
//
// A metered module keeps its fuel in a mutable global that it exports. At every loop head and function entry it takes
// from it what the code that follows costs; when nothing is left it calls a function that it imports, yield. The host
// looks at the clock there, or at a budget, and either puts fuel into the global and returns, so that the guest goes
// on, or panics, so that the call fails:
//
//	res, err := meter.Rewrite(wasm, meter.Options{MaxMemoryPages: 256, ExportGlobals: true})
//	// provide res.YieldModule, res.YieldName; compile and instantiate res.Wasm; then for each call:
//	fuel := instance.ExportedGlobal(res.FuelGlobal).(api.MutableGlobal)
//	stack := instance.ExportedGlobal(res.StackGlobal).(api.MutableGlobal)
//	fuel.Set(1_000_000) // about 0.1 ms
//	stack.Set(meter.DefaultStack)
//	_, err = hook.Call(ctx)
//
// Its stack is limited as well: functions that can call themselves, in whatever way, take what their frames are estimated
// to need from a second global and give it back at every exit. When it falls below zero, yield is called, and the guest
// traps if that returns.
//
// Inspect reads what a module exports and asks for without rewriting it.
//
// # What a host must do
//
//   - Set the fuel before every call; a call leaves what it did not use, and takes up what the last one left.
//   - Set the stack before every call to what Options.MaxStack says: a call that failed gave nothing back. In yield, look
//     at the stack first: if it is below zero, do not return.
//   - In yield, leave the fuel above zero or do not return: a loop head asks again until it is. The fuel may be below
//     zero there, or above it (before a piece of a long fill or copy); what is missing has been charged for code that is about to run, so count it as used.
//   - Give a total as well as looking at the clock. Code is paid for before it runs, so all that runs is within the
//     total, but a guest with a million calls on its stack has that many stretches of up to CheckInterval
//     units left to run, paid long ago, without a test in between.
//   - Charge for its own work: for a guest a call of the host costs CostCall and CostRuntime whatever it does. A host
//     function may take more from the same global.
//   - Limit the size of the module and compile under a deadline. Time to compile is not fuel.
//   - Make a new instance instead of resetting one if Result.HiddenState is set.
//
// # Invariants
//
//   - Every instruction is paid for before it runs, by its own function or, in functions short enough to be within
//     CostCall, by the caller. What a run costs depends on the module and on what the code does, on nothing
//     else: not on the time, not on when and how often it yields.
//   - A call that returns, or an exception that is caught, leaves as much of the stack as there was. Functions that count
//     nothing take at most an eighth of it, as estimated, in all: a call from cycle to cycle through others, or a long chain of
//     functions none of which calls itself, is as limited. What leads through an imported function and back into the
//     module is not.
//   - The guest cannot name the fuel, the stack, the yield function or the added functions: every index into a space to which
//     something is added is checked against the guest's own count. It cannot provide or call them by name either:
//     such imports and exports are refused.
//   - Between two tests of the fuel a function executes at most CheckInterval units of its own code and one
//     instruction, and an operation on memory or tables of any length is charged and tested before it begins; a fill or copy
//     longer than 64 KiB is done in pieces, with a yield before each, whether there is fuel left or not.
//   - Memory and tables that the module defines have a maximum within the options. Imported ones are limited by whoever
//     provides them.
//   - The engine accepts the rewritten module if and only if it accepts the original, custom sections aside.
//
// # What is decoded
//
// WebAssembly 2.0 (MVP, sign extension, saturating truncation, multi-value, bulk memory, reference types, 128-bit
// vectors), mutable globals, tail calls, extended constant expressions and, only if Options.Exceptions says so, exception
// handling with exnref. Which of these may be used is the engine's decision. Everything else is refused: threads, more
// than one memory, 64-bit memories, typed function references, garbage collection, relaxed vector instructions, legacy
// exception handling, components.
//
// The name section is kept, with functions renumbered, so that stack traces name the guest's functions. Other custom
// sections are dropped.
//
// # Errors
//
// Input is hostile: nothing in it makes Rewrite or Inspect panic or take more than a constant multiple of its size in
// memory (about 200 bytes for each in the worst case, a tenth of that for what compilers write). Each error names the
// offset and, for code, the opcode, and is one of ErrMalformed, ErrUnsupported, ErrLimit and ErrReserved. ErrOptions is
// the caller's mistake.
package meter
