// Package query is what Postfix's tables of databases have in common: their configuration files,
// the %-templates that make a question of a key, and the form of results (mysql_table(5),
// pgsql_table(5), sqlite_table(5), ldap_table(5)).
//
// Load reads the parameters of a table; NewRules makes the Rules of them; Rules.Allows says whether
// a key is asked at all, Template.Expand makes a question, Results collects answers.
//
// # Format
//
// A configuration file has "name = value" lines as main.cf. A name that does not begin with "/" or
// "." is a prefix instead: NAME_query in main.cf.
//
// In templates %s is the key, %u and %d the parts before and after its last "@", %1 ... %9 the labels of
// its domain from the right, %% a percent sign. A template that asks for a part that the key does not
// have is not asked. In result_format %s, %u and %d are of the value that was found, %S, %U and %D of
// the key.
//
// # Invariants
//
// A value is put into a question only through the Quote that its database needs. Rules and
// Templates are immutable.
//
// # Errors
//
// Bad parameters are errors of Load and NewRules. Results over expansion_limit are an error: a part of
// a list is not the list.
package query
