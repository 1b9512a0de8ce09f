// Package metric counts: counters, gauges and histograms that cost a few nanoseconds to move and
// that /metrics shows in Prometheus' text format.
//
//	m := metric.New()
//	sessions := m.Counter("mtad_smtpd_sessions_total", "SMTP sessions accepted.")
//	replies := m.CounterVec("mtad_smtpd_replies_total", "Replies sent, by code.", 64, "code")
//	ok := replies.With("250") // once, at start
//	...
//	ok.Inc()                  // on the hot path: one atomic addition
//	http.Handle("/metrics", m.Handler())
//
// A nil *Registry gives nil instruments, and a nil instrument counts nothing: a component may be
// built without metrics, in a test for instance, and needs no second code path.
//
// Asking again for a metric that exists, with the same kind, help, labels and buckets, returns the one that
// exists. So whatever is rebuilt when the configuration is reloaded goes on counting where the last
// build stopped.
//
// # Invariants
//
// No metric grows without bound: a vector has at most as many label sets as was said when it was
// made, and one more, whose labels are all "other", for everything beyond. Label values are valid
// UTF-8 of at most 128 bytes, whatever was given.
//
// Inc, Add, Set, Observe and With of a label set that exists do not allocate. All methods are safe
// for concurrent use. There are no globals: two registries know nothing of each other.
//
// # Errors
//
// Counting cannot fail. A mistake in the program panics when the metric is made, before any mail:
// an invalid name, a name taken by another kind of metric, more than four labels; and With panics
// when it gets more or fewer values than there are labels. Names are constants of the program;
// never make one from input.
package metric
