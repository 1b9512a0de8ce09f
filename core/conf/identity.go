package conf

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/conf/expand"
	"github.com/mtad/mtad/core/conf/netlist"
)

// currentLevel is the compatibility level whose defaults this version has.
const currentLevel = "3.11"

// compute returns the default of a parameter that depends on the machine or the process. The
// result may refer to other parameters. busy are the names being computed on the way here: a
// name that is asked for while it is computed is empty.
func (c *Config) compute(name string, busy []string) string {
	if slices.Contains(busy, name) {
		return ""
	}
	busy = append(slices.Clone(busy), name)
	switch name {
	case "myhostname":
		return c.computeHostname()
	case "mydomain":
		return c.computeDomain(busy)
	case "mynetworks":
		networks, _ := c.networks() // Check reports the error; nobody is trusted meanwhile
		return networks
	case "compatibility_level":
		return c.computeLevel()
	case "config_directory":
		return c.dir
	case "mail_version":
		return c.options.version
	case "mail_release_date":
		return c.options.released
	case "process_id":
		return strconv.Itoa(os.Getpid())
	case "process_name":
		return "mtad"
	}
	return ""
}

// computedFrom refers to the parameters that a computed default depends on.
func computedFrom(name string) string {
	switch name {
	case "myhostname":
		return "$mydomain"
	case "mydomain":
		return "$myhostname"
	case "mynetworks":
		return "$mynetworks_style $inet_interfaces $inet_protocols"
	}
	return ""
}

// computeLevel returns the compatibility level of a configuration that does not say it. A
// directory with a main.cf is a Postfix's, which takes level 0 then; one without is new.
func (c *Config) computeLevel() string {
	if c.hasMain {
		return "0"
	}
	return currentLevel
}

// computeHostname returns the system's name. If that is not fully qualified, mydomain completes
// it (row F02), or "localdomain" when mydomain would be made of it.
func (c *Config) computeHostname() string {
	host, err := c.options.hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	host = strings.TrimSuffix(host, ".")
	switch {
	case strings.Contains(host, "."):
		return strings.ReplaceAll(host, "$", "$$")
	case c.IsSet("mydomain"):
		return strings.ReplaceAll(host, "$", "$$") + ".$mydomain"
	}
	return strings.ReplaceAll(host, "$", "$$") + ".localdomain"
}

// computeDomain returns myhostname without its first label.
func (c *Config) computeDomain(busy []string) string {
	host, err := expand.Expand("$myhostname", c.lookup(busy))
	if _, domain, ok := strings.Cut(host, "."); err == nil && ok && domain != "" {
		return domain
	}
	return "localdomain"
}

// computeNetworks returns the networks that mynetworks_style trusts.
func (c *Config) computeNetworks() (string, error) {
	style, err := expand.Expand("$mynetworks_style", c.lookup(busyNetworks()))
	if err != nil {
		return "", err
	}
	addresses, err := c.addresses()
	if err != nil {
		return "", err
	}
	networks, err := netlist.Own(netlist.Style(strings.ToLower(style)), addresses)
	if err != nil {
		return "", err
	}
	words := make([]string, len(networks))
	for i, n := range networks {
		words[i] = netlist.Format(n)
	}
	return strings.Join(words, " "), nil
}

// busyNetworks are the names that have no value where mynetworks is computed.
func busyNetworks() []string { return []string{"mynetworks"} }
