package confine

import (
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Process confines this process.
func Process(p Paths) (Result, error) {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return Result{}, fmt.Errorf("setrlimit: %w", err)
	}
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return Result{}, nil
	}
	rules := []landlock.Rule{
		landlock.RODirs(p.ReadOnly...).IgnoreIfMissing(),
		// A Maildir is written by moving files between directories.
		landlock.RWDirs(p.ReadWrite...).WithRefer().IgnoreIfMissing(),
		landlock.ROFiles(files(p.Files)...).IgnoreIfMissing(),
		landlock.RWFiles(files(p.WriteFiles)...).IgnoreIfMissing(),
	}
	if err := landlock.V5.BestEffort().RestrictPaths(rules...); err != nil {
		return Result{}, fmt.Errorf("landlock: %w", err)
	}
	if abi < 2 {
		abi = 0 // it cannot allow moves between directories, so it was not used
	}
	return Result{ABI: abi}, nil
}

// files leaves out what is no file of a file system: the kernel has no rule for it, and needs none.
func files(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		st, err := os.Stat(path)
		return err != nil || !st.Mode().IsRegular() && st.Mode()&fs.ModeCharDevice == 0
	})
}

// Hide keeps other processes of the same user from reading or steering this one (ptrace(2)), and
// its files in /proc from them.
func Hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	return nil
}
