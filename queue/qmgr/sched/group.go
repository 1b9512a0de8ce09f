package sched

import "github.com/mtad/mtad/queue"

// Job is a message as the scheduler knows it: the groups of it that wait. M is the message itself,
// as its owner knows it.
type Job[M any] struct {
	// Owner is the message.
	Owner M
	Entry *queue.Entry
	// Late says that the message was tried before: others go before it.
	Late bool
	// Weight is what the message adds to Site.Weight where it waits.
	Weight int

	waiting  []*Group[M]
	requests int // that the waiting groups will make
	chunks   map[place[M]]*Group[M]
}

// place is where a group waits.
type place[M any] struct {
	t   *Transport[M]
	key Key
}

// InChunks says that the recipients of the message are queued in several chunks: a later group then
// joins an earlier one that waits at the same site.
func (j *Job[M]) InChunks() { j.chunks = make(map[place[M]]*Group[M]) }

// Waiting returns the groups that wait, in no order. It is valid until one is added or leaves.
func (j *Job[M]) Waiting() []*Group[M] { return j.waiting }

// Group is the recipients of one message for one site.
type Group[M any] struct {
	Part
	Job *Job[M]
	T   *Transport[M]
	Key Key
	// Site is set once it waits.
	Site *Site[M]

	place Place[*Group[M]]
	turn  uint64 // at the transport: when it was queued, plus what its message had before it
	at    int    // in Job.waiting
	one   [1]int32
}

// NewGroup returns a group without recipients.
func NewGroup[M any](j *Job[M], t *Transport[M], key Key) *Group[M] {
	g := &Group[M]{Job: j, T: t, Key: key}
	g.place.Value, g.Index = g, g.one[:0]
	return g
}

// requests returns how many requests the group still makes.
func (g *Group[M]) requests() int {
	limit := g.limit()
	if limit <= 0 {
		return 1
	}
	return (len(g.Index) + limit - 1) / limit
}

// limit is how many recipients a request has at most, 0 for any number. With a sender for each
// recipient it is one.
func (g *Group[M]) limit() int {
	if g.Job.Entry != nil && g.Job.Entry.VERP != "" {
		return 1
	}
	return g.T.RecipientLimit
}

// join adds g to an earlier group of its message for the same site, if one waits.
func (g *Group[M]) join() bool {
	j := g.Job
	if j.chunks == nil {
		return false
	}
	at := place[M]{g.T, g.Key}
	old := j.chunks[at]
	if old == nil || !old.place.Waits() {
		j.chunks[at] = g
		return false
	}
	j.requests -= old.requests()
	for k, i := range g.Index {
		old.Add(j.Entry, i, g.To(j.Entry, k))
	}
	j.requests += old.requests()
	return true
}

// wait puts g in its message's list of waiting groups.
func (g *Group[M]) wait() {
	j := g.Job
	g.at = len(j.waiting)
	j.waiting = append(j.waiting, g)
	j.requests += g.requests()
}

// leave takes g out of it again.
func (g *Group[M]) leave() {
	j := g.Job
	last := len(j.waiting) - 1
	j.waiting[g.at] = j.waiting[last]
	j.waiting[g.at].at = g.at
	j.waiting[last] = nil
	j.waiting = j.waiting[:last]
	j.requests -= g.requests()
}
