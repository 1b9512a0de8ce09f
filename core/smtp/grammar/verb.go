package grammar

// Verb is a command of SMTP.
type Verb uint8

// The verbs, in the order in which Postfix lists them at the end of a connection.
const (
	Helo Verb = iota
	Ehlo
	StartTLS
	Auth
	Mail
	Rcpt
	Data
	Bdat
	Rset
	Noop
	Vrfy
	Expn
	Etrn
	Help
	Quit
	XForward
	XClient
	// Unknown is any other word.
	Unknown
	// Verbs is how many there are.
	Verbs
)

// String returns the verb in upper case.
func (v Verb) String() string {
	return [...]string{"HELO", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET",
		"NOOP", "VRFY", "EXPN", "ETRN", "HELP", "QUIT", "XFORWARD", "XCLIENT", "UNKNOWN"}[v]
}

// longestVerb is the length of STARTTLS and XFORWARD.
const longestVerb = 8

// VerbOf returns the verb that word is, in any case (RFC 5321 §2.4).
func VerbOf(word []byte) Verb {
	if len(word) > longestVerb {
		return Unknown
	}
	var up [longestVerb]byte
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		up[i] = c
	}
	switch string(up[:len(word)]) {
	case "HELO":
		return Helo
	case "EHLO":
		return Ehlo
	case "STARTTLS":
		return StartTLS
	case "AUTH":
		return Auth
	case "MAIL":
		return Mail
	case "RCPT":
		return Rcpt
	case "DATA":
		return Data
	case "BDAT":
		return Bdat
	case "RSET":
		return Rset
	case "NOOP":
		return Noop
	case "VRFY":
		return Vrfy
	case "EXPN":
		return Expn
	case "ETRN":
		return Etrn
	case "HELP":
		return Help
	case "QUIT":
		return Quit
	case "XFORWARD":
		return XForward
	case "XCLIENT":
		return XClient
	}
	return Unknown
}

// IsLast reports whether a client must wait for the reply before it sends more (RFC 2920 §3.1;
// RFC 3207 §4, RFC 4954 §4). QUIT is left out: nothing comes behind it.
func (v Verb) IsLast() bool {
	switch v {
	case Helo, Ehlo, StartTLS, Auth, Data, Noop, Vrfy, Expn, XClient:
		return true
	}
	return false
}

// maxCommandLine is the longest command line in octets, CRLF included (RFC 5321 §4.5.3.1.4).
const maxCommandLine = 512

// Octets that parameters add to a command line, each with the space before it.
const (
	sizeOctets     = 26                                   // RFC 1870 §3
	bodyOctets     = 17                                   // RFC 6152 §2
	authOctets     = 500                                  // RFC 4954 §3
	smtputf8Octets = 10                                   // RFC 6531 §3.1
	retOctets      = len(" RET=HDRS")                     // RFC 3461 §4.3
	envidOctets    = len(" ENVID=") + maxEnvID            // RFC 3461 §4.4
	notifyOctets   = len(" NOTIFY=SUCCESS,FAILURE,DELAY") // RFC 3461 §4.1
	orcptOctets    = len(" ORCPT=") + maxORcpt            // RFC 3461 §4.2
	maxMailLine    = maxCommandLine + sizeOctets + bodyOctets + authOctets + smtputf8Octets + retOctets + envidOctets
	maxRcptLine    = maxCommandLine + notifyOctets + orcptOctets
)

// MaxAuthLine is the longest line of AUTH and of its responses in octets (RFC 4954 §4).
const MaxAuthLine = 12288

// MaxLine is the longest line of the verb in octets, CRLF included.
func (v Verb) MaxLine() int {
	switch v {
	case Mail:
		return maxMailLine
	case Rcpt:
		return maxRcptLine
	case Auth:
		return MaxAuthLine
	}
	return maxCommandLine
}
