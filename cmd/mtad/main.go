package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/deliver/asuser"
)

// version is mtad's own; the linker may set another (-X main.version=...).
var version = "0.1.0"

func main() {
	if asuser.Called(os.Args) {
		os.Exit(asuser.Main(os.Args, os.Stderr))
	}
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// shell is what a command has to work with.
type shell struct {
	// name is the command's, for messages; dir is the value of -c, "" for none.
	name, dir string
	in        io.Reader
	out, err  io.Writer
}

// run does what the arguments say, the program's name being the first, and returns the exit code.
func run(argv []string, in io.Reader, out, errOut io.Writer) int {
	sh := &shell{name: "mtad", in: in, out: out, err: errOut}
	name, args := "mtad", []string(nil)
	if len(argv) > 0 {
		name, args = filepath.Base(argv[0]), argv[1:]
	}
	if v := find(name); v != nil && v.postfix {
		return sh.verb(v, args)
	}
	return sh.mtad(args)
}

// mtad reads "[-c DIR] [-v] VERB".
func (sh *shell) mtad(args []string) int {
	for len(args) > 0 {
		switch a := args[0]; {
		case a == "-c" && len(args) > 1:
			sh.dir, args = args[1], args[2:]
		case strings.HasPrefix(a, "-c") && len(a) > 2:
			sh.dir, args = a[2:], args[1:]
		case a == "-h" || a == "--help" || a == "help" && len(args) == 1:
			sh.print(overview())
			return exOK
		case a == "help":
			args = []string{args[1], "--help"}
		case a == "-v" || a == "--version" || a == "version":
			sh.print("mtad " + version + "\n")
			return exOK
		case strings.HasPrefix(a, "-"):
			return sh.fail(exUsage, "no such option: %s (mtad --help lists what there is)", a)
		default:
			return sh.named(a, args[1:])
		}
	}
	fmt.Fprint(sh.err, overview())
	return exUsage
}

// named runs the verb of a name.
func (sh *shell) named(name string, args []string) int {
	if v := find(name); v != nil {
		return sh.verb(v, args)
	}
	if slices.Contains(laterCommands, name) {
		return sh.fail(exUsage, "%s: this version of mtad does not have this command of Postfix", name)
	}
	return sh.fail(exUsage, "%s: no such verb (mtad --help lists what there is)", name)
}

// verb runs one verb, or shows its help.
func (sh *shell) verb(v *verb, args []string) int {
	sh.name = v.name
	if len(args) > 0 && args[0] == "--help" {
		sh.print(v.help)
		return exOK
	}
	return v.run(sh, args)
}

// laterCommands are commands of Postfix that mtad does not have.
var laterCommands = []string{"postkick", "postlock", "posttls-finger"}

// config reads the configuration, good or bad: a command must work when the daemon would refuse
// to start with it.
func (sh *shell) config(overrides ...string) (*conf.Config, error) {
	return conf.Read(conf.Directory(sh.dir, os.Environ()), conf.WithOverrides(overrides...), conf.WithVersion(version, ""))
}

func (sh *shell) print(text string) { _, _ = io.WriteString(sh.out, text) }

// warn writes "NAME: warning: text".
func (sh *shell) warn(format string, args ...any) {
	fmt.Fprintf(sh.err, "%s: warning: %s\n", sh.name, fmt.Sprintf(format, args...))
}

// fail writes "NAME: fatal: text" and returns code.
func (sh *shell) fail(code int, format string, args ...any) int {
	fmt.Fprintf(sh.err, "%s: fatal: %s\n", sh.name, fmt.Sprintf(format, args...))
	return code
}
