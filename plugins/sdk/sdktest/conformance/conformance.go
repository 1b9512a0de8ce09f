package conformance

import (
	"errors"
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// Plugin is the conformance plugin. It has every hook. Safe for concurrent use.
type Plugin struct{}

// Needs are the capabilities that it asks for.
var needs = []string{sdk.CapEdit, sdk.CapMap, sdk.CapKV, sdk.CapDNS, sdk.CapScan, sdk.CapDeliver}

// Needs returns the capabilities that it asks for: all.
func Needs() []string { return append([]string(nil), needs...) }

// Init runs the program init.
func (Plugin) Init(tx sdk.Tx) error {
	r := refusals{Host: tx.Host}
	if v := run(&r, "init"); v.Action != 0 {
		return errors.New(r.text)
	}
	return nil
}

// refusals notes the text of a reply: Init answers by an error.
type refusals struct {
	sdk.Host
	text string
}

// Reply notes the text.
func (r *refusals) Reply(_ int, _, text string) sdk.Errno {
	r.text = text
	return sdk.OK
}

// Connect runs the program connect, as each hook runs its own.
func (Plugin) Connect(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "connect") }

// Helo runs the program helo.
func (Plugin) Helo(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "helo") }

// Auth runs the program auth.
func (Plugin) Auth(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "auth") }

// Mail runs the program mail.
func (Plugin) Mail(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "mail") }

// Rcpt runs the program rcpt.
func (Plugin) Rcpt(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "rcpt") }

// Data runs the program data.
func (Plugin) Data(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "data") }

// Headers runs the program headers.
func (Plugin) Headers(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "headers") }

// Body runs the program body.
func (Plugin) Body(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "body") }

// EOM runs the program eom.
func (Plugin) EOM(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "eom") }

// Abort runs the program abort.
func (Plugin) Abort(tx sdk.Tx) { run(tx.Host, "abort") }

// Rewrite runs the program rewrite.
func (Plugin) Rewrite(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "rewrite") }

// Route runs the program route.
func (Plugin) Route(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "route") }

// Deliver runs the program deliver.
func (Plugin) Deliver(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "deliver") }

// Lookup runs the program lookup.
func (Plugin) Lookup(tx sdk.Tx) sdk.Verdict { return run(tx.Host, "lookup") }

// Event runs the program event.
func (Plugin) Event(tx sdk.Tx) { run(tx.Host, "event") }

// run runs a program of the configuration.
func run(h sdk.Host, name string) sdk.Verdict {
	program, e := h.Config(name)
	if e != sdk.OK {
		return sdk.Continue
	}
	verdict, on := sdk.Continue, true
	for line := range strings.SplitSeq(program, "\n") {
		switch c := newCall(line); {
		case line == "":
		case c.name == "when":
			on = c.rest == "" || c.holds(h)
		case !on:
		case c.name == "return":
			verdict.Action = sdk.Action(c.number())
		case c.name == "log":
			h.Log(sdk.Level(c.number()), c.last())
		default:
			c.run(h)
		}
	}
	return verdict
}

// call is one line of a program.
type call struct {
	line, name, rest string
}

func newCall(line string) *call {
	name, rest, _ := strings.Cut(line, " ")
	return &call{line, name, rest}
}

// word takes the next argument, last all that is left.
func (c *call) word() string {
	w, rest, _ := strings.Cut(c.rest, " ")
	c.rest = rest
	return unescape(w)
}

func (c *call) last() string { return unescape(c.rest) }

func (c *call) number() int64 {
	n, _ := strconv.ParseInt(c.word(), 10, 64)
	return n
}

func (c *call) int() int { return int(c.number()) }

// holds reports whether a "when" is true.
func (c *call) holds(h sdk.Host) bool {
	v, e := h.Get(c.word())
	return e == sdk.OK && v == c.last()
}

func unescape(s string) string {
	if s == "-" {
		return ""
	}
	return strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\0`, "\x00", `\\`, `\`).Replace(s)
}
