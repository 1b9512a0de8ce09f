package ctl

import "strings"

// HeldByAdmin is why an entry is on hold that an admin held.
const HeldByAdmin = "held by the administrator"

// The words with which the reason of a hold begins when a plugin wanted it (package hook).
const (
	quarantineWord = "quarantine "
	pluginWord     = "plugin "
)

// PluginOf returns the name of the plugin that put an entry with this reason on hold, "" when none did.
func PluginOf(reason string) string {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(reason, quarantineWord), pluginWord)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, ":")
	return name
}

// Decided says in words who or what wanted an entry with this reason to be on hold; "" when it has none.
func Decided(reason string) string {
	switch name := PluginOf(reason); {
	case reason == "":
		return ""
	case name != "" && strings.HasPrefix(reason, quarantineWord):
		return "plugin " + name + ", which put it into quarantine"
	case name != "":
		return "plugin " + name
	case reason == HeldByAdmin, reason == RequeueReason:
		return "the administrator"
	}
	return "an access rule, a check or a filter: " + reason
}
