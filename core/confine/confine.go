package confine

import "strconv"

// Paths are the files that stay reachable. What does not exist is left out.
type Paths struct {
	// ReadOnly and ReadWrite are directories with all below them; programs in ReadOnly may be run.
	ReadOnly, ReadWrite []string
	// Files are single files that may be read, WriteFiles those that may be written too.
	Files, WriteFiles []string
}

// Result says what was done.
type Result struct {
	// ABI is the version of Landlock that holds this process; 0 when there is none.
	ABI int
}

// String is a text for the log.
func (r Result) String() string {
	if r.ABI == 0 {
		return "this kernel has no Landlock: all files stay reachable that the user may reach"
	}
	return "files outside of its directories are out of reach (Landlock version " + strconv.Itoa(r.ABI) + ")"
}
