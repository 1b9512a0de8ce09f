package porttest_test

import (
	"net"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

func TestNoPortIsGivenTwice(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port := porttest.Port(t)
		if seen[port] {
			t.Fatalf("%d was given twice", port)
		}
		seen[port] = true
	}
}

func TestAPortCanBeListenedOn(t *testing.T) {
	l, err := net.Listen("tcp", porttest.Addr(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAReleasedPortMayBeGivenAgain(t *testing.T) {
	for range 1000 { // more than the ports would last for if they were kept open
		_, release, err := porttest.Reserve()
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
}
