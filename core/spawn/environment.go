package spawn

import (
	"strings"
)

// Environment returns the environment of commands. export has the names, or name=value, that pass
// (export_environment); imported the same for what mtad took over from its starter
// (import_environment); present is the environment of this process. configDir is MAIL_CONFIG.
func Environment(export, imported, present []string, configDir string) []string {
	known := map[string]string{}
	for _, word := range imported {
		name, value, fixed := strings.Cut(word, "=")
		if !fixed {
			value, fixed = find(present, name)
		}
		if fixed {
			known[name] = value
		}
	}
	known["MAIL_CONFIG"] = configDir
	env := []string{"PATH=" + DefaultPath}
	for _, word := range export {
		name, value, fixed := strings.Cut(word, "=")
		if !fixed {
			value, fixed = known[name]
		}
		if fixed && name == "PATH" {
			env[0] = "PATH=" + value
		} else if fixed {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func find(env []string, name string) (string, bool) {
	for _, pair := range env {
		if n, value, ok := strings.Cut(pair, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}
