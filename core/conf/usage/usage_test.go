package usage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/conf/usage"
)

func TestTheCountsAreParametersInOrder(t *testing.T) {
	all := usage.All()
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.Name] || e.Effect == "" || e.Files < 1 || e.Files > 104 {
			t.Errorf("%+v", e)
		}
		seen[e.Name] = true
	}
	if len(all) < 340 || !slices.IsSortedFunc(all, func(a, b usage.Entry) int { return b.Files - a.Files }) {
		t.Errorf("%d entries, or not in order", len(all))
	}
}

// TestCheckSaysThisOfAConfigurationWithAllOfThem gives check a main.cf that sets everything that is
// set in the field: nothing is unknown, and each status is the one of the page.
func TestCheckSaysThisOfAConfigurationWithAllOfThem(t *testing.T) {
	var text, services strings.Builder
	want := map[string]conf.Status{}
	for _, e := range usage.All() {
		p, ok := param.Find(e.Name)
		text.WriteString(e.Name + " = ")
		if ok && !p.Computed {
			text.WriteString(p.Default)
		} else if !ok {
			text.WriteString("1")
			transport, _, _ := param.SplitTransport(e.Name)
			services.WriteString(transport + " unix - n n - - pipe user=nobody argv=/bin/true\n")
		} else if e.Name == "compatibility_level" {
			text.WriteString("3.6")
		} else if p.Type == param.Hostname {
			text.WriteString("h.example.com")
		}
		text.WriteString("\n")
		want[e.Name] = conf.Status(e.Effect)
	}
	c := conftest.ReadDir(t, conftest.Dir(t, map[string]string{"main.cf": text.String(), "master.cf": services.String()}))
	for _, f := range c.Check() {
		status, ours := want[f.Parameter]
		if status == conf.StatusUnsupported && f.Status == conf.StatusAccepted {
			status = conf.StatusAccepted // its default is, another value is not
		}
		if f.Status == conf.StatusUnknown || ours && f.Status != status {
			t.Errorf("%s is %s (%s), want %s", f.Parameter, f.Status, f.Note, status)
		}
		delete(want, f.Parameter)
	}
	if len(want) > 0 {
		t.Errorf("check says nothing of %v", want)
	}
}

// leastShare is the share that must count, in percent. It only rises; the goal was 95.
const leastShare = 99

// TestMostSettingsCount is the goal: what has an effect, or honestly needs none.
func TestMostSettingsCount(t *testing.T) {
	all := usage.All()
	covered := usage.Total(all, param.Effective) + usage.Total(all, param.Accepted)
	share := 100 * float64(covered) / float64(usage.Total(all, ""))
	t.Logf("%.2f %% of %d settings", share, usage.Total(all, ""))
	if share < leastShare {
		t.Errorf("only %.1f %% of the settings in the field count", share)
	}
}
