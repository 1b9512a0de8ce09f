package sdk

// Action is what a plugin decided; the numbers are ABI 1's.
type Action int32

// The actions. Which count at which point is in the ABI's table of exports; any other value is a
// failure of the plugin.
const (
	ActContinue   Action = iota // go on with the next plugin
	ActAccept                   // skip the rest of this point's chain
	ActTempfail                 // 4xx
	ActReject                   // 5xx
	ActDiscard                  // say 250 and throw away
	ActHold                     // queue on hold
	ActQuarantine               // queue on hold under a name
	ActRedirect                 // replace all recipients by one
	ActFilter                   // send through transport:nexthop
	ActFound                    // an answer is given (rewrite, route, lookup)
	numActions    = int(ActFound) + 1
)

var actionNames = [numActions]string{"continue", "accept", "tempfail", "reject", "discard", "hold",
	"quarantine", "redirect", "filter", "found"}

// Valid reports whether the value is one of the ABI's.
func (a Action) Valid() bool { return a >= 0 && int(a) < numActions }

// String returns the action's name.
func (a Action) String() string {
	if a.Valid() {
		return actionNames[a]
	}
	return "invalid"
}

// AllowedAt reports whether the action counts at point p.
func (a Action) AllowedAt(p Point) bool {
	switch p {
	case PointConnect, PointHelo, PointAuth, PointMail, PointRcpt, PointData:
		return a.Valid() && a != ActQuarantine && a != ActFilter && a != ActFound
	case PointHeaders, PointEOM:
		return a.Valid() && a != ActFound
	case PointBody:
		return a == ActContinue || a == ActReject || a == ActTempfail || a == ActDiscard
	case PointRewrite, PointRoute, PointLookup:
		return a == ActFound || a == ActContinue || a == ActTempfail
	case PointDeliver:
		return a == ActContinue || a == ActTempfail
	}
	return a == ActContinue
}

// Verdict is a plugin's answer: an action, the SMTP reply that goes with it (zero code: the
// default one), and the argument of redirect, filter, hold and quarantine.
type Verdict struct {
	Action   Action
	Code     int
	Enhanced string
	Text     string
	Arg      string
	// answers are the answers of FOUND, or what goes beside another action: property and value.
	answers [2]answer
}

type answer struct{ key, value string }

// Continue, Accept and Discard are verdicts that need no more words; Found goes with answers that
// were given by Host.Set (FoundAddr, FoundRoute and FoundValue give them themselves).
var (
	Continue = Verdict{Action: ActContinue}
	Accept   = Verdict{Action: ActAccept}
	Discard  = Verdict{Action: ActDiscard}
	Found    = Verdict{Action: ActFound}
)

// Reject refuses for good: 550 with the enhanced code (class 5) and text.
func Reject(enhanced, text string) Verdict {
	return Verdict{Action: ActReject, Code: 550, Enhanced: enhanced, Text: text}
}

// Tempfail refuses for now: 451 with the enhanced code (class 4) and text.
func Tempfail(enhanced, text string) Verdict {
	return Verdict{Action: ActTempfail, Code: 451, Enhanced: enhanced, Text: text}
}

// Hold queues the message on hold; reason is shown to the admin.
func Hold(reason string) Verdict { return Verdict{Action: ActHold, Arg: reason} }

// Quarantine queues the message on hold under a quarantine name.
func Quarantine(name string) Verdict { return Verdict{Action: ActQuarantine, Arg: name} }

// Redirect replaces all recipients by address.
func Redirect(address string) Verdict { return Verdict{Action: ActRedirect, Arg: address} }

// Filter sends the message through transport:nexthop.
func Filter(route string) Verdict { return Verdict{Action: ActFilter, Arg: route} }

// Through is v with a content filter beside it: whatever else becomes of the message (on hold until it
// is released, other recipients), it passes transport:nexthop. It counts where Filter does.
func (v Verdict) Through(route string) Verdict {
	v.answers[0] = answer{"action.filter", route}
	return v
}

// Redirected is v with another recipient beside it: whatever else becomes of the message, it goes to
// address alone. It counts where Redirect does.
func (v Verdict) Redirected(address string) Verdict {
	v.answers[1] = answer{"action.redirect", address}
	return v
}

// FoundAddr answers a rewrite hook: the address as it is to be.
func FoundAddr(address string) Verdict {
	return Verdict{Action: ActFound, answers: [2]answer{{"rewrite.result", address}}}
}

// FoundRoute answers a route hook. An empty transport or nexthop leaves that half as it was.
func FoundRoute(transport, nexthop string) Verdict {
	v := Verdict{Action: ActFound}
	if transport != "" {
		v.answers[0] = answer{"route.transport", transport}
	}
	if nexthop != "" {
		v.answers[1] = answer{"route.nexthop", nexthop}
	}
	return v
}

// FoundValue answers a lookup hook: the value of the key.
func FoundValue(value string) Verdict {
	return Verdict{Action: ActFound, answers: [2]answer{{"lookup.value", value}}}
}
