// Package pipeline is the path of a message through mtad, on one page.
//
// # One message
//
//  1. smtpd (over core/smtp's engine) accepts a connection. connect, helo, auth, mail, rcpt and
//     data: access asks the restriction lists, then hook the plugins of that point. sendmail
//     submits through ctl, or by way of the maildrop directory and pickup.
//  2. The text streams once into cleanup: the header is taken apart as it arrives (headers
//     hook), the body goes to the store's draft: memory up to 64 KiB, beyond that a file that is
//     not committed yet.
//  3. At the end of data plugins see envelope, header and the whole text (eom hook); their edits
//     apply; addresses are brought to standard form (rewrite).
//  4. cleanup commits to queue/store, synced. Only then smtpd says "250 2.0.0 Ok: queued as ID".
//  5. queue/qmgr takes ownership, has each recipient resolved (rewrite), groups them by
//     (transport, nexthop) and gives requests to the agents of deliver under each
//     destination's window.
//  6. Each result is recorded. Done recipients leave, deferred ones get a next time, bounced
//     ones go to bounce, whose notices come back through cleanup.
//
// Where access has to know whether an address can be delivered to, verify queues a probe: a message
// of origin.kind "verify", which goes the same way through cleanup and qmgr until its agent would
// deliver; the answer goes back to verify.
//
// master builds all of it from a configuration, starts, reloads and stops it.
//
// # Glossary
//
//	sender, recipient  addresses of the envelope, in external form (package addr)
//	transport          a delivery service by its name in master.cf
//	nexthop            the transport's argument: domain, [host]:port, unix:path
//	agent              what delivers for a transport
//	entry              a committed message; record: its state
//	reply              SMTP code, enhanced code and text (package status)
//	verdict            a plugin's answer; edit: a change it proposes
//	notice             a message that mtad makes: bounce, delay, success
//	probe              a message that asks whether its recipient can be delivered to
package pipeline
