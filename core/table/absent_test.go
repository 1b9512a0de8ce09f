package table_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/table"
)

func TestATableThatIsAbsentFailsUntilItIsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access")
	synctest.Test(t, func(t *testing.T) {
		var told []error
		m, err := table.Open("texthash:"+file, table.Options{Absent: func(err error) { told = append(told, err) }})
		if err != nil || len(told) != 1 {
			t.Fatal(err, told)
		}
		if _, _, err := m.Lookup(t.Context(), "a"); err == nil {
			t.Error("an absent table answers")
		}
		if err := os.WriteFile(file, []byte("a b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Lookup(t.Context(), "a"); err == nil {
			t.Error("it is tried again at once")
		}
		time.Sleep(11 * time.Second)
		if v, ok, err := m.Lookup(t.Context(), "a"); v != "b" || !ok || err != nil {
			t.Errorf("got %q %v %v", v, ok, err)
		}
		if err := table.Close(m); err != nil {
			t.Error(err)
		}
	})
}
