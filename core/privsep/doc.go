// Package privsep is the channel between the process that parses mail, the worker, and its parent,
// which kept the rights of root and does with them the few things that are written down here.
//
// The worker asks (Client), the parent answers (package parent). Both are the same program; the
// parent starts itself again as mail_owner and leaves the worker one end of a socket pair. What
// crosses it is a Message: a kind, a number, a few integers and texts, and open files.
//
//	Listen     bind a port of the configuration              → the listening socket
//	Run        start a command of the configuration          → how it ended
//	Deliverer  start a process that writes into mailboxes    → a socket to it
//	KeyPair    read a certificate of the configuration       → the certificates, not the key
//	KeyChains  read files with keys and their certificates   → the same for each key
//	Sign       sign with the key of such a certificate       → the signature
//	Reload     read the configuration again
//	Notify     tell the service manager that we are ready, reloading, stopping, alive
//	Upgrade    run the program that is now where ours was
//
// # Invariants
//
// The parent knows the configuration from its own reading and believes the worker nothing: a
// request says which of the things that the configuration has is meant, with what parameters. This
// package and its children import nothing that parses mail or runs plugins; a test of the house
// holds that.
//
// # Format
//
// One packet of a SOCK_SEQPACKET socket per message: kind (1 byte), number (4), count of integers
// (1), integers (8 each), count of texts (2), texts (length of 4 bytes, bytes); all numbers big
// endian. A message has the counts that its kind has (the table shapes), at most MaxMessage bytes
// and MaxFiles files. Whatever is not so ends the connection.
//
// # Errors
//
// What the parent refuses is *Refused; what the system said is the syscall.Errno. When the parent
// is gone every call fails with ErrGone.
package privsep
