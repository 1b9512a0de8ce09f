package smtp

import (
	"errors"
	"strconv"

	"github.com/mtad/mtad/core/smtpclient"
)

// send does the transaction of a session, and tells the server before where the message came from if
// it is to know that (smtp_send_xforward_command).
func (d *delivery) send(s *session) error {
	if d.a.o.Forward && s.conn.Features().Has(smtpclient.XForward) {
		err := s.conn.Forward(d.origin())
		var e *smtpclient.Error
		switch {
		case err == nil:
		case errors.As(err, &e) && e.Kind == smtpclient.Refused && s.conn.Usable():
			d.a.o.Log.Warning(d.req.Entry.ID + ": host " + s.at.named() + " said: " + e.Reply.Raw + " (in reply to XFORWARD command)")
		default:
			s.tx.Results = make([]smtpclient.Result, len(s.tx.Recipients))
			return err
		}
	}
	return s.conn.Send(&s.tx)
}

// origin says where the message came from, in the words of XFORWARD.
func (d *delivery) origin() []smtpclient.Attribute {
	o := &d.req.Entry.Origin
	name, address, port := o.ClientName, "", ""
	if o.Client.IsValid() {
		address, port = o.Client.Addr().String(), strconv.Itoa(int(o.Client.Port()))
		if o.Client.Addr().Is6() {
			address = "IPV6:" + address
		}
	}
	if name == "unknown" {
		name = ""
	}
	source := "REMOTE"
	if o.Local {
		source = "LOCAL"
	}
	return []smtpclient.Attribute{{Name: "NAME", Value: name}, {Name: "ADDR", Value: address}, {Name: "PORT", Value: port},
		{Name: "PROTO", Value: o.Protocol()}, {Name: "HELO", Value: o.Helo}, {Name: "IDENT", Value: d.req.Entry.ID},
		{Name: "SOURCE", Value: source}}
}
