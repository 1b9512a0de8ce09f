package suspend_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/ctl/suspend"
	"github.com/mtad/mtad/queue"
)

// postman delivers everything.
type postman struct{}

func (postman) Deliver(_ context.Context, req *queue.Request) []queue.Result {
	all := make([]queue.Result, len(req.Recipients))
	for i := range all {
		all[i].Outcome = queue.Sent
	}
	return all
}

func open(t *testing.T, path string) *suspend.Table {
	t.Helper()
	table, err := suspend.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func deliver(t *testing.T, table *suspend.Table, nexthop string) []queue.Result {
	t.Helper()
	got := table.Agent("smtp/unix", postman{}).Deliver(t.Context(), &queue.Request{Nexthop: nexthop, Recipients: make([]mail.Recipient, 2)})
	if len(got) != 2 {
		t.Fatalf("%d results for two recipients", len(got))
	}
	return got
}

func TestASuspendedDestinationGetsNoMail(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "file"))
	if err := table.Suspend(ctl.Suspension{Nexthop: "Dead.example", Reason: "their wish"}); err != nil {
		t.Fatal(err)
	}
	got := deliver(t, table, "dead.Example")
	if got[1].Outcome != queue.Deferred4 || got[1].Reply.String() != "450 4.3.2 delivery to dead.example is suspended: their wish" || got[1].DeadSite {
		t.Errorf("got %+v", got[1])
	}
	if got := deliver(t, table, "live.example"); got[0].Outcome != queue.Sent {
		t.Errorf("another destination: %+v", got[0])
	}
	rec := &queue.Record{Recipients: []queue.Progress{{Outcome: queue.Deferred4, Reply: got[1].Reply}}}
	if !suspend.Waits(to("DEAD.example"), rec) || suspend.Waits(to("ead.example"), rec) || suspend.Waits(to("dead.example.org"), rec) {
		t.Error("Waits does not tell who waits")
	}
	if err := table.Resume(to("DEAD.example")); err != nil {
		t.Fatal(err)
	}
	if got := deliver(t, table, "dead.example"); got[0].Outcome != queue.Sent {
		t.Errorf("after it was resumed: %+v", got[0])
	}
	if err := table.Resume(to("dead.example")); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("resumed twice: %v", err)
	}
}

func to(nexthop string) ctl.Suspension { return ctl.Suspension{Nexthop: nexthop} }

func TestASuspendedServiceDeliversNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	table := open(t, path)
	lmtp := ctl.Suspension{Service: "lmtp/unix"}
	if err := table.Suspend(ctl.Suspension{Service: lmtp.Service, Reason: "Dovecot is updated"}); err != nil {
		t.Fatal(err)
	}
	table = open(t, path) // after a restart
	if got := deliver(t, table, "lmtp/unix"); got[0].Outcome != queue.Sent {
		t.Errorf("a destination of the same name: %+v", got[0])
	}
	got := table.Agent("lmtp/unix", postman{}).Deliver(t.Context(), &queue.Request{Nexthop: "x", Recipients: make([]mail.Recipient, 1)})
	if got[0].Reply.String() != "450 4.3.2 service lmtp/unix is suspended: Dovecot is updated" {
		t.Errorf("got %+v", got[0])
	}
	rec := &queue.Record{Recipients: []queue.Progress{{Outcome: queue.Deferred4, Reply: got[0].Reply}}}
	if !suspend.Waits(lmtp, rec) || suspend.Waits(ctl.Suspension{Service: "lmtp"}, rec) {
		t.Error("Waits does not tell who waits")
	}
	if err := table.Resume(lmtp); err != nil {
		t.Fatal(err)
	}
	if _, ok := table.FindService("lmtp/unix"); ok {
		t.Error("it is still suspended")
	}
}

func TestASuspensionEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := open(t, filepath.Join(t.TempDir(), "file"))
		if err := table.Suspend(ctl.Suspension{Nexthop: "x", Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - 1)
		if len(table.All()) != 1 {
			t.Error("it ended before its time")
		}
		time.Sleep(time.Nanosecond)
		if len(table.All()) != 0 || deliver(t, table, "x")[0].Outcome != queue.Sent {
			t.Error("it did not end")
		}
	})
}

func TestSuspensionsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	table := open(t, path)
	for _, name := range []string{"b", "a"} {
		if err := table.Suspend(ctl.Suspension{Nexthop: name, Reason: "r", Until: time.Now().Add(time.Hour).Round(0).UTC()}); err != nil {
			t.Fatal(err)
		}
	}
	if got := open(t, path).All(); !reflect.DeepEqual(got, table.All()) || len(got) != 2 || got[0].Nexthop != "a" {
		t.Errorf("got %+v", got)
	}
}

func TestWhatCannotBeWrittenIsNotInForce(t *testing.T) {
	dir := t.TempDir()
	table := open(t, filepath.Join(dir, "sub", "file"))
	if err := table.Suspend(ctl.Suspension{Nexthop: "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, ok := table.Find("x"); ok {
		t.Error("it is in force")
	}
}

func TestADamagedFileIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := suspend.Open(path); err == nil {
		t.Error("it was taken")
	}
}
