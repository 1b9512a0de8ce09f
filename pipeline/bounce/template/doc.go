// Package template reads the texts of notices that an administrator wrote (bounce(5), postconf(5)
// bounce_template_file).
//
//	set, err := template.Parse(text, "/etc/mtad/bounce.cf")
//	words, err := set[template.Failure].Expand(lookup)
//
// # Invariants
//
// What Parse returns can be put into a header and a body as it is: fields have one line and no
// control bytes, the body has lines of at most 900 bytes, everything is UTF-8.
//
// # Errors
//
// Parse names the file and the line. A macro without a value is an error of Expand; Check finds
// those before there is a notice to write.
//
// # Format
//
//	failure_template = <<EOF
//	Charset: us-ascii
//	From: MAILER-DAEMON (Mail Delivery System)
//	Subject: Undelivered Mail Returned to Sender
//	Postmaster-Subject: Postmaster Copy: Undelivered Mail
//
//	Text, with $myhostname and other parameters; $$ is a dollar sign.
//	EOF
//
// The templates are failure, delay, success and verify. Comments begin with "#". Times may be asked for
// in another unit: $maximal_queue_lifetime_days, with _seconds, _minutes, _hours, _days or _weeks.
package template
