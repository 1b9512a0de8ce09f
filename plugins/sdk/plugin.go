package sdk

// Plugin is any value; the hooks it wants are methods of the interfaces below.
type Plugin any

// The hook interfaces, one per point.
type (
	// Initer is told its configuration before anything else; an error refuses to load.
	Initer interface{ Init(tx Tx) error }
	// Connecter is asked when a client connects.
	Connecter interface{ Connect(tx Tx) Verdict }
	// Heloer is asked at HELO and EHLO.
	Heloer interface{ Helo(tx Tx) Verdict }
	// Auther is asked after a successful AUTH.
	Auther interface{ Auth(tx Tx) Verdict }
	// Mailer is asked at MAIL.
	Mailer interface{ Mail(tx Tx) Verdict }
	// Rcpter is asked at each RCPT; its verdict is about that recipient.
	Rcpter interface{ Rcpt(tx Tx) Verdict }
	// Dataer is asked at DATA, before any text.
	Dataer interface{ Data(tx Tx) Verdict }
	// Headerser is asked when the header is complete and the body not read yet.
	Headerser interface{ Headers(tx Tx) Verdict }
	// Bodyer is asked for each chunk of the body as it arrives: at most 64 KiB, in order, after
	// headers and before eom. Tx.Chunk reads the chunk.
	Bodyer interface{ Body(tx Tx) Verdict }
	// EOMer is asked when the whole message is at hand.
	EOMer interface{ EOM(tx Tx) Verdict }
	// Aborter is told that the transaction is gone.
	Aborter interface{ Abort(tx Tx) }
	// Rewriter is asked about one address (Tx.RewriteClass, Tx.RewriteAddr): FoundAddr, Continue
	// or Tempfail.
	Rewriter interface{ Rewrite(tx Tx) Verdict }
	// Router is asked about the way of one recipient (Tx.Rcpt): FoundRoute, Continue or
	// Tempfail.
	Router interface{ Route(tx Tx) Verdict }
	// Deliverer is a transport: it says by Tx.Sent, Tx.Deferred and Tx.Bounced what became of
	// each recipient. Recipients it says nothing of are deferred; Tempfail defers them with
	// its reply.
	Deliverer interface{ Deliver(tx Tx) Verdict }
	// Lookuper is a lookup table: it is asked for Tx.LookupKey and answers FoundValue, Continue
	// (not found) or Tempfail.
	Lookuper interface{ Lookup(tx Tx) Verdict }
	// Eventer is told what happened to a queued message (Tx.EventKind).
	Eventer interface{ Event(tx Tx) }
)

// HooksOf returns the points at which p wants to be asked.
func HooksOf(p Plugin) Points {
	var s Points
	for pt := range Point(NumPoints) {
		if hookOf(p, pt) != nil {
			s = s.With(pt)
		}
	}
	return s
}

// Dispatch calls the hook of p for the point; Continue when p has none.
func Dispatch(p Plugin, pt Point, tx Tx) Verdict {
	if fn := hookOf(p, pt); fn != nil {
		return fn(tx)
	}
	return Continue
}

func hookOf(p Plugin, pt Point) func(Tx) Verdict {
	switch pt {
	case PointConnect:
		if h, ok := p.(Connecter); ok {
			return h.Connect
		}
	case PointHelo:
		if h, ok := p.(Heloer); ok {
			return h.Helo
		}
	case PointAuth:
		if h, ok := p.(Auther); ok {
			return h.Auth
		}
	case PointMail:
		if h, ok := p.(Mailer); ok {
			return h.Mail
		}
	case PointRcpt:
		if h, ok := p.(Rcpter); ok {
			return h.Rcpt
		}
	case PointData:
		if h, ok := p.(Dataer); ok {
			return h.Data
		}
	default:
		return messageHookOf(p, pt)
	}
	return nil
}

func messageHookOf(p Plugin, pt Point) func(Tx) Verdict {
	switch pt {
	case PointHeaders:
		if h, ok := p.(Headerser); ok {
			return h.Headers
		}
	case PointEOM:
		if h, ok := p.(EOMer); ok {
			return h.EOM
		}
	case PointBody:
		if h, ok := p.(Bodyer); ok {
			return h.Body
		}
	case PointAbort:
		if h, ok := p.(Aborter); ok {
			return func(tx Tx) Verdict { h.Abort(tx); return Continue }
		}
	default:
		return queueHookOf(p, pt)
	}
	return nil
}

// queueHookOf finds the hooks that are about queued mail and addresses.
func queueHookOf(p Plugin, pt Point) func(Tx) Verdict {
	switch pt {
	case PointRewrite:
		if h, ok := p.(Rewriter); ok {
			return h.Rewrite
		}
	case PointRoute:
		if h, ok := p.(Router); ok {
			return h.Route
		}
	case PointDeliver:
		if h, ok := p.(Deliverer); ok {
			return h.Deliver
		}
	case PointLookup:
		if h, ok := p.(Lookuper); ok {
			return h.Lookup
		}
	case PointEvent:
		if h, ok := p.(Eventer); ok {
			return func(tx Tx) Verdict { h.Event(tx); return Continue }
		}
	}
	return nil
}

// Answer puts what v says besides its action (reply, argument) to the host, as a guest or a
// process does it, and returns the action.
func Answer(h Host, v Verdict) Action {
	if v.Code != 0 || v.Text != "" {
		h.Reply(v.Code, v.Enhanced, v.Text)
	}
	if v.Arg != "" {
		h.Set("action.arg", v.Arg)
	}
	for _, a := range v.answers {
		if a.key != "" {
			h.Set(a.key, a.value)
		}
	}
	return v.Action
}
