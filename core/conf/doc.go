// Package conf is the configuration of mtad: Postfix's main.cf and master.cf, mtad.toml, the
// environment and the command line, as one immutable snapshot.
//
//	c, err := conf.Load(conf.Directory(flagC, os.Environ()))
//	limit := c.Int("smtpd_recipient_limit")
//	for _, service := range c.Services() {
//		banner := c.For(service).String("smtpd_banner")
//	}
//	window := c.Transport("smtp").Int("destination_concurrency_limit")
//
// Layers, later wins (koanf merges them): the defaults of package param, main.cf, mtad.toml, the
// environment (MTAD_MYHOSTNAME is myhostname), -o name=value of the command line, and for a
// service its -o in master.cf. Values are expanded (package expand) when they are read, so that a
// default may refer to parameters that any layer sets.
//
// Check reports on every parameter that is set: whether it has an effect, and what is wrong with
// it. Postconf and Reference render what the postconf command and the reference page show.
//
// # Invariants
//
// A Config never changes and is safe for concurrent use; files that values name are read once.
// A Config that Load returns has no bad value: no reader of it needs to look for errors. Reading
// a name that is no parameter, or as another type than it has, is a mistake of the program and
// panics with its name.
//
// # Errors
//
// Read fails only if the directory cannot be read. Load fails if anything configured is wrong,
// with one line per mistake: file, line, parameter, what is expected. Nothing falls back to a
// default silently.
package conf
