package saslauthd

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// defaultSocket is where the daemon listens when the file does not say.
const defaultSocket = "/var/run/saslauthd/mux"

// ReadConfig reads the library's configuration file of an application, as "smtpd.conf". unused are
// the mechanisms of mech_list that need another way to check passwords.
func ReadConfig(files fs.FS, name string) (o Options, unused []string, err error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return o, nil, err
	}
	o.Socket = defaultSocket
	method := "auxprop" // the library's default
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "pwcheck_method":
			method = value
		case "saslauthd_path":
			o.Socket = value
		case "mech_list":
			o.Mechanisms, unused = split(value)
			if len(o.Mechanisms) == 0 && len(unused) > 0 {
				return o, unused, fmt.Errorf("%s: mech_list: saslauthd can check passwords for PLAIN and LOGIN only", name)
			}
		}
	}
	if !slices.Contains(strings.Fields(method), "saslauthd") {
		return o, unused, fmt.Errorf("%s: pwcheck_method %s is not supported: use saslauthd, or smtpd_sasl_type = dovecot or passwd", name, method)
	}
	return o, unused, nil
}

// split tells the mechanisms that can be had from the others.
func split(list string) (usable, unused []string) {
	for _, m := range strings.Fields(strings.ToUpper(list)) {
		if m == "PLAIN" || m == "LOGIN" {
			usable = append(usable, m)
		} else {
			unused = append(unused, m)
		}
	}
	return usable, unused
}
