package mastercf

import _ "embed" // the services of a configuration without master.cf

//go:embed stock.cf
var stock []byte

// Stock returns the services of a configuration directory without master.cf: the default set of
// Postfix. Their File is "".
func Stock() []Service {
	services, _ := Parse("", stock, Defaults{})
	return services
}
