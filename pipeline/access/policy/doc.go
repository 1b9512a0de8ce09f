// Package policy is the client of policy services: programs that decide over SMTP requests by
// Postfix's policy delegation protocol.
//
// New reads what stands behind check_policy_service; Ask sends the attributes of a request and
// returns the action, which is then read as the value of an access table.
//
// # Format
//
// A request is lines "name=value" and an empty line; the answer is "action=…" and an empty line.
// The names are those of Postfix. Control bytes in values become "?", so that no peer can write
// an attribute of its own.
//
// # Invariants
//
// A connection carries one request at a time and is used again, until it was idle for MaxIdle,
// is older than MaxTTL or carried RequestLimit requests. At most maxIdle connections are kept.
// Every dial, write and read has the deadline Timeout.
//
// # Errors
//
// A service that cannot be reached, is too slow or does not speak the protocol is asked TryLimit
// times, RetryDelay apart; then the default action answers (451 4.3.5 unless configured
// otherwise), and the log says why.
package policy
