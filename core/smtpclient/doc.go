// Package smtpclient is the client's end of SMTP and LMTP on one connection: the grammar of what
// is sent, the parsing of what comes back, the text of a message made safe for the wire. It is
// mechanism only; whom to connect to, what a reply means for the message and when to try again
// is the delivery agent's to know.
//
//	c := smtpclient.New(nc, &options)
//	_, err = c.Greet()
//	err = c.Hello()
//	err = c.Send(&transaction)   // again for each message
//	c.Quit()
//
// A transaction costs as few round trips as the peer's extensions allow. One write and one read
// carry MAIL, all RCPT and DATA (RFC 2920), another pair the text. A peer that offers CHUNKING
// (RFC 3030) as well gets a small message whole, in one write.
//
// # Invariants
//
// A reply of class 2 to the end of the text, and nothing else, makes a recipient's Result positive.
// Recipients that have no reply when the conversation breaks stay undecided; the error is theirs.
//
// No bare CR or LF, no undoubled dot and no unfinished line of text reaches the peer, whatever
// the text holds (RFC 5321 §2.3.8); no control byte of an address or parameter does. Text that a
// confused peer could read as commands is not sent before the peer agreed to take text.
//
// Everything that a peer can do is bounded: a reply has at most 100 lines, of which 2 KiB each
// are kept, and must be complete within its time limit, however slowly its bytes come.
//
// At most 64 KiB of a message, and as much again while it needs editing, are in memory.
//
// # Errors
//
// Every method fails with an *Error: what broke (Kind) and when (Stage). Replies to single
// recipients and to the text are no errors, but Results. Reply texts come from strangers; they
// are free of control bytes.
package smtpclient
