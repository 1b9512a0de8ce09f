package sdk

import "context"

// Capabilities that a plugin may ask for and a configuration may allow. The base functions of
// the ABI are always granted.
const (
	CapEdit    = "edit"
	CapMap     = "map"
	CapKV      = "kv"
	CapDNS     = "dns"
	CapScan    = "scan"
	CapDeliver = "deliver"
)

// Manifest is what a host knows of a loaded plugin.
type Manifest struct {
	// Name is the plugin's name in the configuration; Kind is "wasm", "process" or "builtin".
	Name, Kind string
	// Hooks are the points it wants to be asked at.
	Hooks Points
	// Needs are the capabilities that it asks for.
	Needs []string
}

// Module is a loaded plugin of any kind, as hook chains call it. Safe for concurrent use.
type Module interface {
	Manifest() Manifest
	// Call runs the hook of point p against h and returns the action; reply and argument were
	// put to h. The error is a failure of the plugin (trap, time limit, dead process …): then
	// nothing that it asked of h counts. ctx carries the time limit.
	Call(ctx context.Context, p Point, h Host) (Action, error)
	// Close waits for calls under way and frees the plugin.
	Close(ctx context.Context) error
}
