package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckProgram says what is wrong with the file of a program: it has to be a file that can be executed,
// and it must not be so that anybody may write to it or put another in its place.
func CheckProgram(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is no absolute path", path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	st, err := os.Stat(real)
	switch {
	case err != nil:
		return err
	case !st.Mode().IsRegular():
		return errors.New("it is no file")
	case st.Mode().Perm()&0o111 == 0:
		return errors.New("it is not executable")
	case st.Mode().Perm()&0o002 != 0:
		return errors.New("anybody may write to it")
	}
	return ownDirectory(filepath.Dir(real))
}

// ownDirectory refuses a directory in which anybody may put another file in the place of ours.
func ownDirectory(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o002 != 0 && st.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("anybody may write to its directory %s", dir)
	}
	return nil
}
