// Package usage knows how often parameters are set in the field: in how many of 104 main.cf files that
// were found in 89 public repositories each stands.
//
// Compatibility writes the page docs/compatibility.md from that and from the registry of parameters.
//
// # Format
//
// usage.tsv has a line "name TAB files" for each parameter and each parameter of a transport, the most
// used first. Names of the site's own, and those that nobody knows, are left out.
package usage
