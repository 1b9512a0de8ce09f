// Package asuser does what agents ask for with the rights of others, by way of the privileged parent
// (core/privsep): it runs commands (deliver.Runner), writes mailboxes (mailbox.Deliverer) and reads
// files (deliver.Files).
//
//	u := asuser.New(client, maxIdle)
//	virtual.New(virtual.Options{Mailbox: u.Mailboxes(privsep.Virtual, writerOptions), …})
//
// Commands are the parent's children. Mailboxes are written by deliverers: processes of the parent
// with the rights of one owner and within one directory. Between them and this package is a socket, by
// which a deliverer gets a connection for each delivery at a time (a packet of one byte with the file);
// the parent sees nothing of the mail. A deliverer and its connections are kept for the next deliveries of
// the same owner: a site of one owner needs one process.
//
// # Invariants
//
// A deliverer writes below the directory that the parent gave it, whatever it is asked for. What it
// says is believed as far as its own deliveries go and no further: its owner may be anybody.
//
// A message counts as whole for a deliverer when its last frame came, and as delivered when the
// deliverer has said so.
//
// Two deliveries of this process to one mbox take turns before their deliverers do.
//
// # Errors
//
// Those of package mailbox. A parent that refuses is a mistake of the configuration (4.3.5); one
// that cannot, or a deliverer that ends, may pass (4.3.0).
//
// # Format
//
// Both sides send frames: the length of the frame (4 bytes, at most 16 KiB; 8 MiB + 1 KiB for what
// a file answers), then texts, each with its length (4 bytes). A job is a frame with the name of the job
// first; a message follows as blocks (length of 4 bytes, bytes), ended by a block of length 0. The
// answer is a frame.
package asuser
