package trace

import (
	"strings"
	"time"
)

// Step is one call of one plugin.
type Step struct {
	At     time.Time     `json:"at"`
	Hook   string        `json:"hook"`
	Plugin string        `json:"plugin"`
	Took   time.Duration `json:"took_ns"`
	// Verdict is the action's name, "failure" when the call failed: then Failure says why.
	Verdict string `json:"verdict"`
	Failure string `json:"failure,omitempty"`
	// Reply goes with a refusal; Argument is that of the verdict, or the answer of a hook that
	// answers.
	Reply    string `json:"reply,omitempty"`
	Argument string `json:"argument,omitempty"`
	// About is the recipient, address or key that the hook was about.
	About string `json:"about,omitempty"`
	// Shadow: what follows was not done.
	Shadow bool `json:"shadow,omitempty"`
	// Log is what the plugin logged; Diff is what it changed of envelope, header and body, in
	// unified form.
	Log  []string `json:"log,omitempty"`
	Diff string   `json:"diff,omitempty"`
}

func (s *Step) size() int {
	n := 200 + len(s.Failure) + len(s.Reply) + len(s.Argument) + len(s.About) + len(s.Diff)
	for _, l := range s.Log {
		n += len(l) + 16
	}
	return n
}

// Record is what happened to one message.
type Record struct {
	// ID is the queue id, or "NOQUEUE-N" for a message that never had one.
	ID         string    `json:"id"`
	Origin     string    `json:"origin"`
	Client     string    `json:"client,omitempty"`
	Sender     string    `json:"sender"`
	Recipients []string  `json:"recipients"`
	Begun      time.Time `json:"begun"`
	// Outcome is what became of it at the door: "queued", "on hold: …", "discarded", a reply.
	Outcome string `json:"outcome,omitempty"`
	Steps   []Step `json:"steps"`
	// Cut is how many steps are missing: there were too many, or they were too large.
	Cut int `json:"cut,omitempty"`

	bytes  int
	listed bool // in the recorder's list
}

// Rule says which messages are traced.
type Rule struct {
	// From, To and Client are patterns for the sender, for any recipient and for the client's
	// address or name; "" means all. "*" stands for any text; "@example.com" is a whole domain.
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Client string `json:"client,omitempty"`
	// Until is when the rule ends.
	Until time.Time `json:"until"`
}

func (r *Rule) means(rec *Record) bool {
	if r.From != "" && !match(r.From, rec.Sender) {
		return false
	}
	if r.Client != "" && !anyOf(r.Client, strings.Fields(rec.Client)) {
		return false
	}
	return r.To == "" || anyOf(r.To, rec.Recipients)
}

func anyOf(pattern string, list []string) bool {
	for _, s := range list {
		if match(pattern, s) {
			return true
		}
	}
	return false
}

// match compares in any case; the pattern's stars stand for any text.
func match(pattern, s string) bool {
	pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	if strings.HasPrefix(pattern, "@") {
		pattern = "*" + pattern
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, p := range parts[1:last] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[last])
}
