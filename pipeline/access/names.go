package access

import (
	"maps"
	"slices"
)

// Names returns the restrictions that Compile knows, in alphabetical order, without the old names of
// some.
func Names() []string {
	names := slices.Concat(slices.Collect(maps.Keys(restrictions)), slices.Collect(maps.Keys(tableChecks)), slices.Collect(maps.Keys(dnsLists)),
		[]string{"check_policy_service", "sleep", "warn_if_reject", "check_ccert_access"})
	slices.Sort(names)
	return names
}
