package smtpclient

// Stage is a step of a session: where it was when something happened.
type Stage uint8

// The stages, in the order of a session. StageBody is the text itself, StageEndOfData the reply
// to its end (the final dot, or the last chunk of BDAT). The zero Stage is none of them: a result
// with it was decided here, and nothing was sent.
const (
	StageGreeting Stage = iota + 1
	StageEHLO
	StageHELO
	StageLHLO
	StageStartTLS
	StageAuth
	StageReset
	StageForward
	StageMail
	StageRcpt
	StageData
	StageBody
	StageEndOfData
)

// The words are those of Postfix's log, which log tools know.
var stageWords = [...]struct{ doing, command string }{
	{"doing nothing", "no"},
	{"receiving the initial server greeting", "connect"},
	{"performing the EHLO handshake", "EHLO"},
	{"performing the HELO handshake", "HELO"},
	{"performing the LHLO handshake", "LHLO"},
	{"performing the STARTTLS handshake", "STARTTLS"},
	{"performing the SASL authentication", "AUTH"},
	{"sending RSET", "RSET"},
	{"sending XFORWARD attributes", "XFORWARD"},
	{"sending MAIL FROM", "MAIL FROM"},
	{"sending RCPT TO", "RCPT TO"},
	{"sending DATA command", "DATA"},
	{"sending message body", "message body"},
	{"sending end of data -- message may be sent more than once", "end of DATA"},
}

// Doing returns the words for a log line: "lost connection with … while sending RCPT TO".
func (s Stage) Doing() string { return stageWords[s.known()].doing }

// Command returns the words for a log line: "(in reply to RCPT TO command)".
func (s Stage) Command() string { return stageWords[s.known()].command }

// String returns Command.
func (s Stage) String() string { return s.Command() }

func (s Stage) known() Stage {
	if int(s) >= len(stageWords) {
		return 0
	}
	return s
}
