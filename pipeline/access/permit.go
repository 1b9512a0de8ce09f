package access

// Permission is a restriction, or an action of a table, that permits: what the log says of it
// (smtpd_log_access_permit_actions).
type Permission struct {
	// Action is the restriction, or the word of the table: "permit_mynetworks", "OK".
	Action string
	// Class and Name are what it permits: "Client host", "mail.example.com[192.0.2.1]". From is the table or
	// the policy service that said so, "" for none.
	Class, Name, From string
}

// permitted tells of a permission, unless a deferral is pending that makes it count for nothing.
func (q *Query) permitted(action, class, name, from string) {
	if q.Permits != nil && q.deferPermit == nil {
		q.Permits(Permission{action, class, name, from})
	}
}

// plainly tells of a restriction that permits without a table.
func (q *Query) plainly(restriction string) {
	if q.Permits == nil {
		return
	}
	switch restriction {
	case "permit":
		q.permitted(restriction, q.class, q.name, "")
	case "permit_auth_destination", "permit_mx_backup":
		q.permitted(restriction, "Recipient address", q.Recipient, "")
	default:
		q.permitted(restriction, "Client host", clientText(q.Origin), "")
	}
}

// discarded reports whether the message is going to be thrown away: nothing more is asked about it.
func (q *Query) discarded() bool { return q.Effects != nil && q.Effects.Discard }
