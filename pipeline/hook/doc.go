// Package hook calls plugins: it knows the hook points, the configured chains, time limits and
// failure policies, and it is the only room that knows both the plugins' vocabulary
// (plugins/sdk) and mail's (core/mail).
//
// A Set holds the configured chains. Set.Session stands for one connection, or one message that
// came otherwise; Session.Begin for one transaction. Their methods are the points: each runs
// the chain of that point and returns what smtpd or cleanup has to do.
//
// What is not about a transaction has doors of its own: Set.Resolver puts the route hook behind a
// resolver, Set.Agents are the plugins that are transports, Set.Table a plugin that is a lookup
// table, and Events tells plugins what happens to queued mail.
//
// Services that need a capability are given to the Set: tables and a store per plugin
// (Plugin.Maps, Plugin.KV; package kv), the DNS (Options.DNS). Package scan is the scan service.
//
// # Invariants
//
// The order of a chain is the order in the configuration. A hook is a transaction: its verdict
// and all its edits are applied whole when it returns, or not at all when it fails (trap, time
// limit, verdict that the point does not know). Each plugin sees the edits of those before it.
// A notice (origin.kind "bounce") is never refused, deferred or thrown away by a plugin. A set
// without a plugin at a point costs nothing there. Events never wait for plugins. Nothing is served
// that the plugin was not allowed.
//
// # Errors
//
// A refusal is a *status.Error whose Rule names the plugin. A failing plugin meets its on_error:
// tempfail (451 4.3.0), continue, or reject (550 5.7.1). At rewrite, route, deliver and lookup a
// failure is temporary whatever on_error says, since accepted mail must not bounce for it; only
// continue goes on at rewrite and route. After BreakerFailures failures in
// BreakerWindow it is not called for BreakerPause, and on_error applies at once.
package hook
