package mtad

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// mostExposure is what "systemd-analyze security" may find at most, of 10.
const mostExposure = 2.5

// The unit takes from mtad what it does not need, as systemd counts it.
func TestTheUnitIsHardened(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal("needs systemd-analyze: apt-get install systemd")
		}
		t.Skip("needs systemd-analyze: apt-get install systemd")
	}
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=yes", "configs/systemd/mtad.service").CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for mtad\.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("systemd-analyze: %v\n%s", err, out)
	}
	got, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || got > mostExposure {
		t.Errorf("the exposure is %s (%v), want %v at most\n%s", m[1], err, mostExposure, out)
	}
	if bad := regexp.MustCompile(`(?m)^.*(?:Unknown|Failed to parse).*$`).Find(out); bad != nil {
		t.Errorf("systemd does not know: %s", bad)
	}
}
