package bounce

import (
	"strings"
	"time"

	"github.com/mtad/mtad/pipeline/bounce/template"
)

// Usual returns the texts of notices as templates: what bounce_template_file may begin with. They say
// what a notice says that has no template, but for the time at which a delayed message expires,
// which no macro has.
func Usual() template.Set {
	set := template.Set{}
	for _, k := range []kind{failure, delay, success, report} {
		nt := &notice{kind: k, hostname: "$myhostname", origin: "$myorigin", original: original{full: true}}
		t := &template.Template{Name: k.template(), From: "Mail Delivery System <MAILER-DAEMON>", Subject: k.subject(false), PostmasterSubject: k.subject(true)}
		t.Body = strings.Replace(nt.greeting(), date(time.Time{}), "it is $maximal_queue_lifetime_days days old", 1)
		set[t.Name] = t
	}
	return set
}
