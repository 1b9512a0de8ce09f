// Package spawn starts one program with the rights, the surroundings and the open files that the
// caller names, and nothing else of the caller's.
//
//	p, err := spawn.Start(&spawn.Command{Path: "/bin/cat", Argv: []string{"cat"}, Stdin: r, Output: w})
//	end := p.Wait()
//
// # Invariants
//
// No shell is involved. The program leads a session and a process group of its own, has the umask
// 077 on Linux, and no open file but those of the Command (what this process itself inherited is
// closed on Linux from 5.11 on). Kill never reaches a process that took over the number of one that
// has ended.
//
// # Errors
//
// Start returns the system's error, with the path in it, when the program does not run.
package spawn
