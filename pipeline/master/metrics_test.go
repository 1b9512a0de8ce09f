package master_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// page is the metrics page of a daemon.
func page(t *testing.T, admin string) string {
	t.Helper()
	answer, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheMetricsShowTheQueueAndItsDeliveries has a message sent, one deferred and one held.
func TestTheMetricsShowTheQueueAndItsDeliveries(t *testing.T) {
	s := newSink(t, func(s *sink) {
		s.answer = func(command string) string {
			if strings.HasPrefix(command, "RCPT TO:<later") {
				return "451 4.2.0 not now"
			}
			return ""
		}
	})
	admin := porttest.Addr(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "admin_address = "+admin,
		"smtpd_data_restrictions = check_sender_access inline:{held@sender.test=HOLD}")
	d.run()
	d.post("held@sender.test", "you@rcpt.test", []byte("Subject: held\r\n\r\nbody\r\n"))
	d.post("me@sender.test", "later@rcpt.test", []byte("Subject: deferred\r\n\r\nbody\r\n"))
	d.post("me@sender.test", "you@rcpt.test", []byte("Subject: sent\r\n\r\nbody\r\n"))
	d.log.wait(t, `to=<later@rcpt.test>, .*status=deferred`)
	d.log.wait(t, `to=<you@rcpt.test>, .*status=sent`)
	hop := regexp.QuoteMeta(s.nexthop())
	want := []string{
		`mtad_queued_total 2`,
		`mtad_queue_messages\{queue="deferred"\} 1`,
		`mtad_queue_messages\{queue="hold"\} 1`,
		`mtad_queue_messages\{queue="active"\} 0`,
		`mtad_queue_messages\{queue="incoming"\} 0`,
		`mtad_queue_messages\{queue="corrupt"\} 0`,
		`mtad_queue_hold 1`,
		`mtad_deliveries_total\{outcome="sent",transport="smtp"\} 1`,
		`mtad_deliveries_total\{outcome="deferred",transport="smtp"\} 1`,
		`mtad_delivery_seconds_count\{part="a",transport="smtp"\} 2`,
		`mtad_delivery_seconds_count\{part="b",transport="smtp"\} 2`,
		`mtad_delivery_seconds_count\{part="c",transport="smtp"\} 2`,
		`mtad_delivery_seconds_count\{part="d",transport="smtp"\} 2`,
		`mtad_transport_busy\{transport="smtp"\} 0`,
		`mtad_destination_window\{nexthop="` + hop + `",transport="smtp"\} [1-9]\d*`,
		`mtad_destination_busy\{nexthop="` + hop + `",transport="smtp"\} 0`,
		`mtad_destination_waiting\{nexthop="` + hop + `",transport="smtp"\} 0`,
		`mtad_queue_age_messages\{minutes="5",queue="hold"\} \d`,
		`mtad_queue_age_messages\{minutes="more",queue="deferred"\} 0`,
	}
	shows(t, admin, want...)
}

// shows waits until the metrics page has a line for each pattern.
func shows(t *testing.T, admin string, want ...string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		text, missing := page(t, admin), ""
		for _, w := range want {
			if !regexp.MustCompile(`(?m)^` + w + `$`).MatchString(text) {
				missing += w + "\n"
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the metrics have no\n%s\nin\n%s", missing, regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(text, ""))
		}
	}
}
