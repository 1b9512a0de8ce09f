package mail

import "strings"

// VERPSender is the sender that a recipient's mail has with variable envelope return paths (Postfix's
// VERP_README): list@site and user@domain make list+user=domain@site, of the recipient's original
// address, which is the one that the list knows. delimiters has two bytes; with fewer, the sender stays.
func VERPSender(delimiters, sender string, r *Recipient) string {
	if len(delimiters) < 2 {
		return sender
	}
	to := r.Original
	if to == "" {
		to = r.Address
	}
	local, at := cutDomain(sender)
	user, domain := cutDomain(to)
	var b strings.Builder
	b.WriteString(local)
	b.WriteByte(delimiters[0])
	b.WriteString(user)
	if domain != "" {
		b.WriteByte(delimiters[1])
		b.WriteString(domain[1:])
	}
	b.WriteString(at)
	return b.String()
}

// cutDomain cuts an address before its last "@".
func cutDomain(address string) (local, domain string) {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return address[:i], address[i:]
	}
	return address, ""
}

// VERPDelimiters reports whether text can be the delimiters: two characters of those that filter lists
// (postconf(5) verp_delimiter_filter).
func VERPDelimiters(text, filter string) bool {
	return len(text) == 2 && strings.IndexByte(filter, text[0]) >= 0 && strings.IndexByte(filter, text[1]) >= 0
}
