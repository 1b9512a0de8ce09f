package access_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
)

// Every restriction that real configurations have, by the name that they have for it, is known and can be asked
// in every list: none is a configuration error, and old names are those that took their place.
func TestEveryRestrictionThatSitesUseCanBeAsked(t *testing.T) {
	k := &access.Compiler{
		Open:   func(spec string) (access.Table, error) { return table.Open(spec, table.Options{}) },
		Policy: func(string) (access.PolicyService, error) { return dunno{}, nil },
	}
	o := mail.Origin{Client: netip.MustParseAddrPort("203.0.113.9:4711"), ClientName: "c.ok.test", ReverseName: "c.ok.test", Helo: "ok.test", Proto: "ESMTP"}
	codes := access.DefaultCodes()
	for _, restriction := range strings.Split(`permit_mynetworks|permit_sasl_authenticated|reject_unauth_destination|reject|reject_unauth_pipelining
reject_unknown_sender_domain|reject_non_fqdn_sender|reject_non_fqdn_recipient|defer_unauth_destination|reject_unknown_recipient_domain|permit
reject_invalid_helo_hostname|reject_non_fqdn_helo_hostname|check_policy_service inet:127.0.0.1:1|check_sender_access inline:{k=v}|check_recipient_access inline:{k=v}
reject_rbl_client none.test|reject_invalid_hostname|reject_sender_login_mismatch|reject_unlisted_recipient|reject_unlisted_sender
reject_authenticated_sender_login_mismatch|reject_non_fqdn_hostname|reject_unknown_helo_hostname|reject_rhsbl_sender none.test|check_helo_access inline:{k=v}
reject_unverified_recipient|inline:{k=v}|reject_unknown_client_hostname|check_client_access inline:{k=v}|reject_unknown_reverse_client_hostname
reject_rhsbl_reverse_client none.test|warn_if_reject reject|reject_multi_recipient_bounce|reject_rhsbl_helo none.test|check_recipient_mx_access inline:{k=v}
permit_auth_destination|reject_plaintext_session|reject_unknown_hostname|reject_unknown_address|permit_tls_all_clientcerts|reject_rhsbl_client none.test
sleep 0|check_sasl_access inline:{k=v}|reject_unauthenticated_sender_login_mismatch
check_ccert_access inline:{k=v}|check_client_a_access inline:{k=v}|check_client_mx_access inline:{k=v}|check_client_ns_access inline:{k=v}|check_etrn_access inline:{k=v}
check_helo_a_access inline:{k=v}|check_helo_mx_access inline:{k=v}|check_helo_ns_access inline:{k=v}|check_recipient_a_access inline:{k=v}|check_recipient_ns_access inline:{k=v}
check_reverse_client_hostname_a_access inline:{k=v}|check_reverse_client_hostname_access inline:{k=v}|check_reverse_client_hostname_mx_access inline:{k=v}
check_reverse_client_hostname_ns_access inline:{k=v}|check_sender_a_access inline:{k=v}|check_sender_mx_access inline:{k=v}|check_sender_ns_access inline:{k=v}
defer|defer_if_permit|defer_if_reject|permit_dnswl_client none.test|permit_inet_interfaces|permit_mx_backup|permit_rhswl_client none.test
permit_tls_clientcerts|reject_known_sender_login_mismatch|reject_rhsbl_recipient none.test|reject_unverified_sender`, "|") {
		for restriction := range strings.SplitSeq(restriction, "\n") {
			for _, name := range []string{"client", "helo", "sender", "relay", "recipient", "data", "end_of_data", "etrn"} {
				l, unknown := k.Compile("smtpd_"+name+"_restrictions", list.Split(restriction))
				if len(unknown) > 0 || l.Empty() {
					t.Errorf("%s: %v", restriction, unknown)
					continue
				}
				q := &access.Query{Origin: &o, Sender: "s@ok.test", HasSender: true, Recipient: "u@here.test", HasRecipient: true, State: "RCPT", Effects: &access.Effects{}}
				if _, e := l.Eval(context.Background(), world(t), &codes, q, nil); e != nil && strings.HasPrefix(e.Reply.Enhanced, "4.3.") && restriction != "defer" {
					t.Errorf("%s in the %s list: %v, %v", restriction, name, e.Reply, e.Cause)
				}
			}
		}
	}
}

// dunno is a policy service that has nothing to say.
type dunno struct{}

// Ask says so.
func (dunno) Ask(context.Context, *access.Query) string { return "DUNNO" }
