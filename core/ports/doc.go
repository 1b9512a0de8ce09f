// Package ports keeps listening sockets across the programs that accept on them: those that the
// service manager opened (systemd's socket activation), those that the program before this one left
// (an upgrade), and those that this one binds.
//
// A Set holds each socket; Listen returns a listener of its own for it, which may be closed without
// the port being given up. Handover makes the sockets outlive an exec, so that clients that connect
// meanwhile wait in the backlog and are not refused.
//
// # Format
//
// LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES as in sd_listen_fds(3). MAIL_PORTS is a list of
// descriptors with commas between.
//
// # Errors
//
// Listen returns what net.Listen does; Take fails for variables that are not what they should be.
package ports
