// Package cleanup is the door to the queue: every message, whether from SMTP, from sendmail or
// from bounce, enters through it and nowhere else.
//
// A Door is opened for each message (Begin); the message's text is written to the Job as it
// arrives, in wire form; Commit completes and canonicalises it, runs the plugins of the headers
// and eom points, and makes it durable.
//
// # Invariants
//
// When Commit returns without error the message is on stable storage (or a plugin discarded
// it), and the caller may say 250 on our word. A Job ends in Commit or Abort. The text leaves
// byte for byte as it came, but for what is named here: the Received field is put on top; fields
// of message_drop_headers are dropped; mail of local origin gets the Date, Message-Id and From
// it lacks; characters of message_strip_characters are taken out; parts that say to be 8-bit are
// encoded where force_mime_input_conversion asks for it; plugins edit what they are allowed to.
//
// Plugins of the headers point see the header as it came. Then it is completed and its addresses
// are rewritten, and the plugins of the eom point see what will leave: a signature made there holds.
//
// The Received field is not shown to plugins, as Postfix does not show it to milters.
//
// # Errors
//
// *status.Error: 552 5.3.4 over message_size_limit, 554 5.4.0 over hopcount_limit, 550 5.6.0 for what
// MIME does not allow (strict_7bit_headers and its like), 550 5.7.1 for a disallowed character, what the
// store says (452 4.3.1, 451 4.3.0), what a plugin said.
package cleanup
