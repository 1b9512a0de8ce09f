// Package master builds a running mtad from a configuration: it opens the queue and the ports,
// loads the plugins, starts the stages, and reloads, drains and stops them.
// It is the only room that knows every other one.
//
// # Generations
//
// What a configuration says (restrictions, plugins, transports, rewriting) is built anew at each
// reload, as a generation. Listeners and the store stay. Sessions that were open keep the
// generation they began with; a generation's plugins are closed when its last session ended.
//
// # Invariants
//
// Nothing listens before everything that a session needs is there. As root, Serve makes the
// directories and gives them to mail_owner; from then on that process is a parent
// (core/privsep/parent) of a worker, which is mail_owner before it reads anything a stranger wrote,
// and which confines itself before it opens the queue. Run returns when everything it started has
// ended.
//
// # Errors
//
// What makes it impossible to start is returned by New or Run and names the parameter, file or
// service. A reload that fails leaves the running generation in place.
package master
