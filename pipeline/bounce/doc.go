// Package bounce tells people what became of their mail: it makes delivery status notifications
// (RFC 3464) and hands them to cleanup like any other new mail. It implements queue.Notifier.
//
//	what happened     who is told                              when
//	failed            the sender                               unless NOTIFY says otherwise
//	failed            bounce_notice_recipient                  notify_classes has bounce
//	failed, and the   2bounce_notice_recipient                 notify_classes has 2bounce or bounce;
//	sender is <>                                               else it is logged and forgotten
//	failed, and the   nobody: this is where all notices end    logged
//	sender is ours
//	for double bounces
//	delayed           the sender                               unless NOTIFY says otherwise
//	delayed           delay_notice_recipient                   notify_classes has delay
//	delivered         the sender                               NOTIFY=SUCCESS
//	delivered late    the sender, who was told of the delay    confirm_delay_cleared
//	anything, or it   the sender                               sendmail -v, -bv
//	was only asked
//
// A notice to the sender comes from the null sender; a notice to postmaster comes from
// double_bounce_sender, so that it cannot make another one.
//
// # Invariants
//
// When a method returns nil, the notice is committed to the queue or none was wanted. A notice is
// never made for a notice's notice.
//
// The message is streamed from its storage into the queue; only its header is ever held in
// memory, and what is returned of the body is at most bounce_size_limit bytes.
//
// Nothing that came from a stranger (addresses, replies, ENVID, ORCPT) can end a field or a part:
// control bytes are gone from all of them, and the boundary is random.
//
// # Errors
//
// *status.Error of class 4 or what the Submitter said; the recipients stay pending, and the
// notice is tried again. When a whole message is refused for good (it may be over
// message_size_limit), its header alone is tried. A postmaster's copy that fails is logged and
// forgotten: the sender has been told.
//
// # Format
//
// multipart/report with three parts: a text for people; message/delivery-status with X-mtad-
// fields for the queue id and the sender; the message (message/rfc822) or its header
// (text/rfc822-headers). RET and bounce_size_limit decide about the third; notices that are not
// about failure return the header only (RFC 3461 §4.3). A message that was sent with SMTPUTF8
// and needs it is reported in the forms of RFC 6533: message/global-delivery-status,
// message/global, message/global-headers.
package bounce
