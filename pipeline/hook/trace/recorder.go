package trace

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of what is kept.
const (
	MaxRules   = 16
	MaxRecords = 1000
	// MaxBytes bounds all records together, MaxRecord one of them, in bytes.
	MaxBytes  = 32 << 20
	MaxRecord = 1 << 20
	// MaxFor is the longest time that a rule may last.
	MaxFor = 7 * 24 * time.Hour
)

// Options of a Recorder.
type Options struct {
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Recorder keeps records. Safe for concurrent use.
type Recorder struct {
	o     Options
	until atomic.Int64 // when the last rule ends, in nanoseconds since 1970; 0: there is none

	mu      sync.Mutex
	rules   []Rule
	records map[string]*Record
	order   []*Record // the oldest first
	bytes   int
	serial  int // of messages without a queue id
}

// New returns a recorder that traces nothing yet.
func New(o Options) *Recorder {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Recorder{o: o, records: map[string]*Record{}}
}

// On reports whether anything is traced now. A nil Recorder traces nothing.
func (r *Recorder) On() bool {
	if r == nil {
		return false
	}
	until := r.until.Load()
	return until != 0 && r.o.Clock().UnixNano() < until
}

// Start adds a rule.
func (r *Recorder) Start(rule Rule) error {
	now := r.o.Clock()
	if !rule.Until.After(now) || rule.Until.Sub(now) > MaxFor+time.Minute {
		return errors.New("a trace lasts from a moment to 7 days")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	if len(r.rules) >= MaxRules {
		return errors.New("there are " + strconv.Itoa(MaxRules) + " traces already")
	}
	r.rules = append(r.rules, rule)
	r.until.Store(max(r.until.Load(), rule.Until.UnixNano()))
	return nil
}

// Stop ends all rules. The records stay; Forget drops them.
func (r *Recorder) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = nil
	r.until.Store(0)
}

// Forget drops all records.
func (r *Recorder) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.order {
		rec.listed = false
	}
	r.records, r.order, r.bytes = map[string]*Record{}, nil, 0
}

// expire ends the rules whose time is over.
func (r *Recorder) expire(now time.Time) {
	r.rules = slices.DeleteFunc(r.rules, func(rule Rule) bool { return !now.Before(rule.Until) })
	if len(r.rules) == 0 {
		r.until.Store(0)
	}
}

// About is what a step was about, as far as it is known.
type About struct {
	ID, Sender string
	Recipients []string
}

// Add appends a step to rec, which is the caller's own until a rule means it, and returns the record
// to go on with: that of the message's id, when one is known.
func (r *Recorder) Add(rec *Record, about About, s Step) *Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.records[about.ID]; about.ID != "" && known != nil && known != rec {
		known.Steps = append(known.Steps, rec.Steps...)
		rec = known
	}
	r.describe(rec, about)
	if n := s.size(); rec.bytes+n > MaxRecord {
		rec.Cut++
	} else {
		rec.Steps = append(rec.Steps, s)
		rec.bytes += n
		if rec.listed {
			r.bytes += n
		}
	}
	r.list(rec)
	return rec
}

// describe brings the record up to date with what is known of the message.
func (r *Recorder) describe(rec *Record, about About) {
	rec.Sender = about.Sender
	for _, to := range about.Recipients {
		if !slices.Contains(rec.Recipients, to) && len(rec.Recipients) < 100 {
			rec.Recipients = append(rec.Recipients, to)
		}
	}
	if about.ID == "" || about.ID == rec.ID {
		return
	}
	if rec.listed {
		delete(r.records, rec.ID)
		r.records[about.ID] = rec
	}
	rec.ID = about.ID
}

// list takes the record into the list when a rule means it, and drops old ones that have no room.
func (r *Recorder) list(rec *Record) {
	if !rec.listed {
		r.expire(r.o.Clock())
		if !slices.ContainsFunc(r.rules, func(rule Rule) bool { return rule.means(rec) }) {
			return
		}
		if rec.ID == "" {
			r.serial++
			rec.ID = "NOQUEUE-" + strconv.Itoa(r.serial)
		}
		rec.listed = true
		r.records[rec.ID], r.order = rec, append(r.order, rec)
		r.bytes += rec.bytes
	}
	for len(r.order) > MaxRecords || r.bytes > MaxBytes {
		old := r.order[0]
		r.order = r.order[1:]
		delete(r.records, old.ID)
		r.bytes -= old.bytes
		old.listed = false
		old.bytes = MaxRecord // it gets no more
	}
}

// Named tells the queue id of a record's message; End what became of it.
func (r *Recorder) Named(rec *Record, about About) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.describe(rec, about)
	r.list(rec)
}

// End says what became of a record's message at the door.
func (r *Recorder) End(rec *Record, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec.Outcome = outcome
}

// Find returns a copy of the record of an id.
func (r *Recorder) Find(id string) (Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.records[id]
	if rec == nil {
		return Record{}, false
	}
	return rec.copy(true), true
}

func (rec *Record) copy(steps bool) Record {
	c := *rec
	c.Recipients, c.Steps = slices.Clone(rec.Recipients), nil
	if steps {
		c.Steps = slices.Clone(rec.Steps)
	}
	return c
}

// State is what a recorder traces and what it has.
type State struct {
	Rules []Rule `json:"rules"`
	// Records are the newest first, without their steps.
	Records []Record `json:"records"`
}

// State returns the rules in force and the records.
func (r *Recorder) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(r.o.Clock())
	s := State{Rules: slices.Clone(r.rules)}
	for _, rec := range slices.Backward(r.order) {
		s.Records = append(s.Records, rec.copy(false))
	}
	return s
}
