package smtpclient

// Probe says how far a transaction goes that only asks whether its recipients would be taken
// (postconf(5) smtp_address_verify_target).
type Probe uint8

// The kinds of Probe: none, up to the replies to RCPT, up to the reply to DATA.
const (
	NoProbe Probe = iota
	ProbeRcpt
	ProbeData
)

// endProbe reads the reply to DATA, which is what the peer says of every recipient that it accepted
// so far. The connection is over: a peer that waits for text must not get any, not even an empty
// one, which it would deliver.
func (x *transfer) endProbe() *Error {
	r, e := x.c.reply(StageData, true)
	if e != nil {
		return e
	}
	if r.Code/100 == 3 || r.Code/100 == 2 {
		x.c.dead = true
	}
	for i := range x.tx.Results {
		if res := &x.tx.Results[i]; res.Stage == StageRcpt && res.Reply.Code/100 == 2 {
			*res = Result{r, StageData}
		}
	}
	return nil
}
