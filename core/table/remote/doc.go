// Package remote asks tables that a server keeps: Postfix's types tcp (tcp_table(5)) and socketmap
// (socketmap_table(5)).
//
// TCP and Socketmap make a Client; nothing is connected before the first lookup.
//
// # Invariants
//
// A Client is safe for concurrent use. A connection carries one request at a time; up to 16 that
// are idle are kept for 10 seconds. A request is sent again, once, only when a kept connection
// turns out to be dead. Replies are bounded: 4 KiB a line (tcp), 100,000 bytes (socketmap).
//
// # Errors
//
// Whatever is not a clear "found" or "not found" is an error, and temporary.
//
// # Format
//
// tcp: "get KEY\n"; "200 VALUE\n" found, "500 TEXT\n" not found, "400 TEXT\n" error. Keys and values
// have "%", white space and what is not printable ASCII as "%XX".
//
// socketmap: netstrings; "NAME KEY"; "OK VALUE", "NOTFOUND ", "TEMP TEXT", "TIMEOUT TEXT", "PERM TEXT".
package remote
