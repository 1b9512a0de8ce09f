package metric_test

import (
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/mtad/mtad/core/metric"
)

func Example() {
	m := metric.New()
	replies := m.CounterVec("mtad_smtpd_replies_total", "Replies sent, by code.", 64, "code")
	ok := replies.With("250") // once, at start
	ok.Inc()                  // on the hot path
	ok.Inc()

	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, "mtad_") {
			fmt.Print(line)
		}
	}
	// Output:
	// # HELP mtad_smtpd_replies_total Replies sent, by code.
	// # TYPE mtad_smtpd_replies_total counter
	// mtad_smtpd_replies_total{code="250"} 2
}
