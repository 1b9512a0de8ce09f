package pipe

import "github.com/mtad/mtad/core/spawn"

// Environment returns the environment of commands; see spawn.Environment.
func Environment(export, imported, present []string, configDir string) []string {
	return spawn.Environment(export, imported, present, configDir)
}
