package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
)

const helpRoute = `usage: mtad [-c DIR] route ADDRESS...

Says where the running daemon would send mail for each address: transport, next
hop, and the address after rewriting. Nothing is sent and no server is asked;
"sendmail -bv ADDRESS" asks them and has the answer mailed.

Exit code: 0 done, 65 a bad address, 67 no such user, 75 the daemon is down.
`

// routeVerb is "mtad route": where mail for each address would go.
func routeVerb(sh *shell, addresses []string) int {
	if len(addresses) == 0 {
		return sh.fail(exUsage, "which address? (mtad route --help)")
	}
	c, err := sh.client()
	if err != nil {
		return sh.fail(exTempFail, "%v", err)
	}
	defer c.Close()
	code := exOK
	for _, a := range addresses {
		r, err := c.Route(context.Background(), a)
		var e *status.Error
		switch {
		case err == nil && r.Transport == "error":
			fmt.Fprintf(sh.out, "%s... undeliverable: %s\n", a, r.Nexthop)
			code = exNoUser
		case err == nil:
			fmt.Fprintf(sh.out, "%s... deliverable: transport %s, next hop %s, recipient %s\n", a, r.Transport, r.Nexthop, r.Recipient)
		case errors.As(err, &e) && !errors.Is(err, ctl.ErrDown):
			fmt.Fprintf(sh.out, "%s... undeliverable: %s\n", a, told(err))
			code = codeOf(err)
		default:
			return sh.fail(codeOf(err), "%s", told(err))
		}
	}
	return code
}
