package ports_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/ports"
	"github.com/mtad/mtad/core/porttest"
)

// role makes the test binary one of the programs that a test starts.
const role = "MTAD_PORTS_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "activated":
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		greet(os.Getenv("WANT"))
	case "next":
		greet(os.Getenv("WANT"))
	}
	os.Exit(0)
}

// greet takes the inherited sockets and answers one client on the one that is asked for.
func greet(want string) {
	name, address, _ := strings.Cut(want, "=")
	s, err := ports.Inherited()
	if err == nil {
		var l net.Listener
		if l, err = s.Listen(name, "tcp", address); err == nil {
			var c net.Conn
			if c, err = l.Accept(); err == nil {
				fmt.Fprintf(c, "%s, unused %v, left %q", l.Addr(), s.Unused(), os.Getenv("LISTEN_FDS")+os.Getenv(ports.Variable))
				c.Close()
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func socket(t *testing.T) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", porttest.Addr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, l.Addr().String()
}

func TestSocketsOfTheServiceManagerAreFoundByNameAndByAddress(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"by the name", "submission=127.0.0.1:1"},
		{"by the address", "=%s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f1, addr1 := socket(t)
			f2, addr2 := socket(t)
			want := c.want
			if strings.Contains(want, "%s") {
				want = fmt.Sprintf(want, addr2)
			}
			cmd := exec.Command(os.Args[0])
			cmd.ExtraFiles = []*os.File{f1, f2}
			cmd.Env = append(os.Environ(), role+"=activated", "LISTEN_FDS=2", "LISTEN_FDNAMES=smtp:submission", "WANT="+want)
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", addr2)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("%s, unused [%s], left \"\"", addr2, addr1); string(got) != want {
				t.Errorf("it says %q, want %q", got, want)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhoConnectsBetweenTwoProgramsWaits(t *testing.T) {
	s := ports.New()
	defer s.Close()
	addr := porttest.Addr(t)
	l, err := s.Listen("", "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // the listener, not the port
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("nobody accepts, and the client was refused: %v", err)
	}
	if _, err := s.Listen("", "tcp", addr); err != nil {
		t.Errorf("a second listener: %v", err)
	}
	variable, err := s.Handover()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=next", "WANT=="+addr, ports.Variable+"=3")
	fd, err := strconv.Atoi(strings.TrimPrefix(variable, ports.Variable+"="))
	if err != nil {
		t.Fatalf("handed over %q", variable)
	}
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(dup(t, fd)), "port")}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if want := addr + `, unused [], left ""`; err != nil || string(got) != want {
		t.Errorf("it got %q, %v; want %q", got, err, want)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	_, addr := socket(t)
	s := ports.New()
	var e *net.OpError
	if _, err := s.Listen("", "tcp", addr); !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}

func TestVariablesThatAreNotWhatTheyShouldBe(t *testing.T) {
	for _, c := range [][2]string{{"LISTEN_FDS", "many"}, {"LISTEN_FDS", "1000"}, {ports.Variable, "0"}, {ports.Variable, "x"}, {ports.Variable, "999"}} {
		t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		t.Setenv("LISTEN_FDS", "0")
		t.Setenv(ports.Variable, "")
		t.Setenv(c[0], c[1])
		if _, err := ports.Inherited(); err == nil {
			t.Errorf("%s=%s was taken", c[0], c[1])
		}
	}
}

func TestPortsThatNobodyWantsAreGivenUp(t *testing.T) {
	s, stays, goes := ports.New(), porttest.Addr(t), porttest.Addr(t)
	defer s.Close()
	for name, addr := range map[string]string{"stays": stays, "goes": goes} {
		l, err := s.Listen(name, "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	var asked []string
	s.Retain(func(name, network, address string) bool {
		asked = append(asked, name+" "+network+" "+address)
		return name == "stays"
	})
	if len(asked) != 2 || !strings.Contains(strings.Join(asked, ","), "goes tcp "+goes) {
		t.Errorf("asked of %q", asked)
	}
	if c, err := net.Dial("tcp", stays); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	if c, err := net.Dial("tcp", goes); err == nil {
		c.Close()
		t.Error("the port that nobody wants is still open")
	}
}
