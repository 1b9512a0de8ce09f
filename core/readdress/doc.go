// Package readdress is what addresses become: the lookup order of virtual(5), canonical(5) and
// relocated(5), canonical mapping, masquerading. pipeline/rewrite uses it for the parameters, the
// built-ins canonical and masquerade for plugins of these names.
//
// # Invariants
//
// Everything is a function of the address, the Site and the tables. A lookup that fails is an error,
// never "not found".
//
// # Errors
//
// *status.Error: 451 4.3.0 when a table could not be asked; 451 4.6.0 when a canonical map changes an
// address again and again.
package readdress
