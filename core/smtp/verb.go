package smtp

// verb is a command of SMTP.
type verb uint8

// The verbs, in the order in which Postfix lists them at the end of a connection.
const (
	verbHelo verb = iota
	verbEhlo
	verbStartTLS
	verbAuth
	verbMail
	verbRcpt
	verbData
	verbBdat
	verbRset
	verbNoop
	verbVrfy
	verbExpn
	verbEtrn
	verbHelp
	verbQuit
	verbUnknown
	verbCount
	// afterConnect and afterMessage are no verbs, but what Postfix names as the last one
	// when there was none, or when a message has come to its end.
	afterConnect = verbCount
	afterMessage = verbCount + 1
)

// String returns the verb in upper case.
func (v verb) String() string {
	return [...]string{"HELO", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET",
		"NOOP", "VRFY", "EXPN", "ETRN", "HELP", "QUIT", "UNKNOWN", "CONNECT", "END-OF-MESSAGE"}[v]
}

// longestVerb is the length of STARTTLS.
const longestVerb = 8

// verbOf returns the verb that word is, in any case (RFC 5321 §2.4).
func verbOf(word []byte) verb {
	if len(word) > longestVerb {
		return verbUnknown
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
		return verbHelo
	case "EHLO":
		return verbEhlo
	case "STARTTLS":
		return verbStartTLS
	case "AUTH":
		return verbAuth
	case "MAIL":
		return verbMail
	case "RCPT":
		return verbRcpt
	case "DATA":
		return verbData
	case "BDAT":
		return verbBdat
	case "RSET":
		return verbRset
	case "NOOP":
		return verbNoop
	case "VRFY":
		return verbVrfy
	case "EXPN":
		return verbExpn
	case "ETRN":
		return verbEtrn
	case "HELP":
		return verbHelp
	case "QUIT":
		return verbQuit
	}
	return verbUnknown
}

// isJunk reports whether the verb counts against smtpd_junk_command_limit.
func (v verb) isJunk() bool {
	switch v {
	case verbHelo, verbEhlo, verbRset, verbNoop, verbVrfy, verbExpn, verbEtrn, verbHelp:
		return true
	}
	return false
}

// isLast reports whether a client must wait for the reply before it sends more (RFC 2920 §3.1;
// RFC 3207 §4, RFC 4954 §4). QUIT is left out: nothing comes behind it.
func (v verb) isLast() bool {
	switch v {
	case verbHelo, verbEhlo, verbStartTLS, verbAuth, verbData, verbNoop, verbVrfy, verbExpn:
		return true
	}
	return false
}

// beforeTLS reports whether the verb is allowed before the TLS that RequireTLS demands
// (RFC 3207 §4).
func (v verb) beforeTLS() bool {
	switch v {
	case verbHelo, verbEhlo, verbStartTLS, verbNoop, verbQuit:
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
	maxAuthLine    = 12288 // RFC 4954 §4
)

// maxLine is the longest line of the verb.
func (v verb) maxLine() int {
	switch v {
	case verbMail:
		return maxMailLine
	case verbRcpt:
		return maxRcptLine
	case verbAuth:
		return maxAuthLine
	}
	return maxCommandLine
}
