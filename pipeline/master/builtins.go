package master

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/tomlcf"
	deliver "github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
)

// builtinTime is the time limit that the host shows to a built-in of a parameter. What waits in them
// has limits of its own (milter_*_timeout), all of which together are shorter.
const builtinTime = time.Hour

// hooksFor returns the plugins of one service: header and body checks, the plugins of mtad.toml,
// then the milters that a parameter names (smtpd_milters, smtpd_milter_maps or non_smtpd_milters), so
// that a milter that signs sees what will leave. It is nil when there is nothing to ask.
func (g *generation) hooksFor(c *conf.Config, parameter string, milters []string) (*hook.Set, error) {
	var first, last []hook.Plugin
	if !c.Has("receive_override_options", "no_header_body_checks") {
		cc, err := g.cleanupConf(c)
		if err != nil {
			return nil, err
		}
		if first, err = g.checks(cc); err != nil {
			return nil, err
		}
	}
	if !c.Has("receive_override_options", "no_milters") {
		for _, spec := range milters {
			p, err := g.milter(c, parameter, spec)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", parameter, err)
			}
			last = append(last, p)
		}
	}
	if first == nil && last == nil {
		return g.hooks, nil
	}
	base := g.hooks
	if base == nil {
		base = hook.NewSet(nil, g.hookOptions(c))
	}
	return base.With(first, last), nil
}

// loadBuiltin makes a built-in that lives as long as the generation.
func (g *generation) loadBuiltin(c *conf.Config, name, kind string, config map[string]string) (hook.Plugin, error) {
	m, err := builtin.LoadLogged(name, kind, config, builtin.Logs{Cleanup: g.m.logOf(c, "cleanup").Info, Plugin: g.m.guestLog(c, name)})
	if err != nil {
		return hook.Plugin{}, err
	}
	g.onClose(func() { m.Close(context.Background()) })
	return hook.Plugin{Module: m, Allow: map[string]bool{sdk.CapEdit: true}, Time: builtinTime, Config: config}, nil
}

// checks makes the plugin of header_checks and its family; none when they are not set.
func (g *generation) checks(c *conf.Config) ([]hook.Plugin, error) {
	config, set := map[string]string{"default_database_type": c.String("default_database_type"),
		"internal":          strings.Join(c.List("internal_mail_filter_classes"), " "),
		"line_length_limit": strconv.FormatInt(c.Size("line_length_limit"), 10), "body_checks_size_limit": strconv.FormatInt(c.Size("body_checks_size_limit"), 10),
		"mime_nesting_limit": strconv.Itoa(c.Int("mime_nesting_limit")), "mime_boundary_length_limit": strconv.FormatInt(c.Size("mime_boundary_length_limit"), 10)}, false
	if c.Bool("disable_mime_input_processing") {
		config["disable_mime_input_processing"] = "yes"
	}
	for _, name := range []string{"header_checks", "mime_header_checks", "nested_header_checks", "body_checks"} {
		if text := g.present(c, name); text != "" {
			config[name], set = text, true
		}
	}
	if !set {
		return nil, nil
	}
	p, err := g.loadBuiltin(c, "checks", "checks", config)
	return []hook.Plugin{p}, err
}

// milter makes the plugin of one entry: an address, or in braces an address and settings of its own
// (default_action, protocol, connect_timeout, command_timeout, content_timeout).
func (g *generation) milter(c *conf.Config, parameter, spec string) (hook.Plugin, error) {
	config := milterConfig(c)
	config["header_checks"] = g.present(c, "milter_header_checks")
	if parameter == "non_smtpd_milters" {
		config["mail"] = "local"
	}
	words := []string{spec}
	if inner, ok := list.Payload(spec); ok {
		words = list.Split(inner)
	}
	if len(words) == 0 {
		return hook.Plugin{}, fmt.Errorf("%q names no milter", spec)
	}
	for _, w := range words[1:] {
		name, value, ok := strings.Cut(strings.Trim(w, "{} "), "=")
		switch name = strings.TrimSpace(name); name {
		case "default_action", "protocol", "connect_timeout", "command_timeout", "content_timeout":
		default:
			ok = false
		}
		if !ok {
			return hook.Plugin{}, fmt.Errorf("%s: %q is no setting of a milter", words[0], w)
		}
		config[name] = strings.TrimSpace(value)
	}
	config["address"] = milterAddress(c, words[0])
	p, err := g.loadBuiltin(c, words[0], "milter", config)
	switch config["default_action"] {
	case "accept":
		p.OnError = hook.FailContinue
	case "reject":
		p.OnError = hook.FailReject
	}
	return p, err
}

// milterConfig is what the milter_ parameters say of every milter.
func milterConfig(c *conf.Config) map[string]string {
	config := map[string]string{"hostname": c.String("myhostname"), "internal": strings.Join(c.List("internal_mail_filter_classes"), " "),
		"default_database_type": c.String("default_database_type")}
	for setting, name := range map[string]string{
		"default_action": "milter_default_action", "protocol": "milter_protocol", "macro_v": "milter_macro_v",
		"macro_daemon_name": "milter_macro_daemon_name", "macro_defaults": "milter_macro_defaults",
	} {
		config[setting] = c.String(name)
	}
	for setting, name := range map[string]string{
		"connect_macros": "milter_connect_macros", "helo_macros": "milter_helo_macros", "mail_macros": "milter_mail_macros",
		"rcpt_macros": "milter_rcpt_macros", "data_macros": "milter_data_macros",
		"end_of_header_macros": "milter_end_of_header_macros", "end_of_data_macros": "milter_end_of_data_macros",
	} {
		// A macro's name has braces, as an element of a list may have: the text is taken as it is.
		config[setting] = c.String(name)
	}
	for setting, name := range map[string]string{
		"connect_timeout": "milter_connect_timeout", "command_timeout": "milter_command_timeout", "content_timeout": "milter_content_timeout",
	} {
		config[setting] = c.Duration(name).String()
	}
	return config
}

// milterAddress completes the path of a socket with queue_directory.
func milterAddress(c *conf.Config, address string) string {
	if path, ok := strings.CutPrefix(address, "unix:"); ok && !filepath.IsAbs(path) {
		return "unix:" + filepath.Join(c.String("queue_directory"), path)
	}
	return address
}

// builtinDefaults are the settings of built-ins that parameters stand for.
var builtinDefaults = map[string]map[string]string{
	"auth_verify": {"authserv_id": "myhostname"},
	"checks":      {"default_database_type": "default_database_type"},
	"milter":      {"hostname": "myhostname"},
	"masquerade":  {"default_database_type": "default_database_type"},
	"canonical": {"default_database_type": "default_database_type", "recipient_delimiter": "recipient_delimiter",
		"myorigin": "myorigin", "mydomain": "mydomain", "mydestination": "mydestination"},
}

// builtinConfig is the configuration of a built-in that mtad.toml names: what it does not say, the
// parameters do.
func builtinConfig(c *conf.Config, p tomlcf.Plugin) map[string]string {
	config := maps.Clone(p.Config)
	if config == nil {
		config = map[string]string{}
	}
	for setting, name := range builtinDefaults[p.Builtin] {
		if _, set := config[setting]; !set {
			config[setting] = c.String(name)
		}
	}
	return config
}

// granted refuses a built-in that lacks a capability, as the host of Wasm plugins does.
func granted(name string, h hook.Plugin) error {
	for _, need := range h.Module.Manifest().Needs {
		if !h.Allow[need] {
			return fmt.Errorf("plugin %s: it asks for %q, which its configuration does not grant: add allow = [%q] if you trust it", name, need, need)
		}
	}
	return nil
}

// clientChecks opens the tables that change mail on its way out; p is smtp or lmtp. Unlike cleanup's,
// none stands in for another one.
func (g *generation) clientChecks(c *conf.Config, p string, to *deliver.Checks) (err error) {
	to.SizeLimit, to.Line = c.Size("body_checks_size_limit"), int(c.Size("line_length_limit"))
	for class, name := range [checks.NumClasses]string{checks.Header: "_header_checks", checks.MIME: "_mime_header_checks",
		checks.Nested: "_nested_header_checks", checks.Body: "_body_checks"} {
		if to.Maps[class], err = g.openMaps(c, p+name); err != nil {
			return err
		}
	}
	return nil
}
