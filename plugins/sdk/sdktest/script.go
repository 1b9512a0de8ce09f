package sdktest

import (
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Script is a transcript: a configuration, and what happens then. Parse makes one of text, Mail one
// of a message.
type Script struct {
	Setup Setup
	Steps []Step
}

// Setup is the world of a transcript.
type Setup struct {
	// Name is the plugin's name; "plugin" unless the transcript says otherwise.
	Name string
	// Config is what the plugin reads by config().
	Config map[string]string
	// Allow are the capabilities granted.
	Allow []string
	// Maps are the tables by name, with their rows.
	Maps map[string]map[string]Answer
	// DNS are the records by type and name: DNS[sdk.DNSTXT]["example.com"].
	DNS map[sdk.DNSType]map[string]Answer
	// Time is when the transcript begins.
	Time time.Time
}

// Answer is what a table or the DNS says.
type Answer struct {
	// Value has records separated by line feeds.
	Value string
	// Unavailable: nobody could say.
	Unavailable bool
}

// Load is what a Subject is loaded with.
type Load struct {
	Name   string
	Config map[string]string
	Allow  map[string]bool
	// Log gets what the plugin logs outside of a hook.
	Log func(level sdk.Level, text string)
}

// Step is one line of a transcript, with what must come of it.
type Step struct {
	// Line is the number of its line, from 1; 0 for a step that does not come from text.
	Line int
	// Verb is what happens: "connect", "rcpt", "eom", "wait" …; Args are its words.
	Verb string
	Args []string
	// Text is the block that belongs to it: the message of "message".
	Text []byte
	// Observe: whatever comes of it is right.
	Observe bool

	wants []want
}

// DefaultTime is when a transcript begins that says nothing about it.
var defaultTime = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// Mail is the script of one message: a session of a client at 192.0.2.1 that sends it from sender
// to the recipients. Nothing is demanded of it.
func Mail(text []byte, sender string, rcpts ...string) Script {
	sc := Script{Setup: newSetup()}
	step := func(verb string, args ...string) {
		sc.Steps = append(sc.Steps, Step{Verb: verb, Args: args, Observe: true})
	}
	step("connect", "192.0.2.1", "client.name=client.example.net")
	step("helo", "client.example.net")
	step("mail", sender)
	for _, r := range rcpts {
		step("rcpt", r)
	}
	step("data")
	sc.Steps = append(sc.Steps, Step{Verb: "message", Text: text, Observe: true})
	step("headers")
	step("body")
	step("eom")
	return sc
}

func newSetup() Setup {
	return Setup{Name: "plugin", Config: map[string]string{}, Maps: map[string]map[string]Answer{},
		DNS: map[sdk.DNSType]map[string]Answer{}, Time: defaultTime}
}
