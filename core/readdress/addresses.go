package readdress

import "github.com/mtad/mtad/core/addr"

// addressesOf returns the addresses that the value of a table lists.
func addressesOf(value string) []string {
	list, _ := addr.List(value)
	var out []string
	for _, m := range list {
		if m.Address != "" && m.Address != "@" {
			out = append(out, m.Address)
		}
	}
	return out
}
