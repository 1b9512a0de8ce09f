// Package login says which local user may send as whom: local_login_sender_maps. The sendmail command
// runs with the rights of its user, and so it is the daemon that asks, of mail from the maildrop
// directory, from the control socket, and of sendmail -bs.
//
// # Invariants
//
// The user is the one whom the system names: the owner of the file, the peer of the socket.
//
// # Errors
//
// *status.Error: 550 5.7.1 for a sender that is not allowed; 451 4.3.0 when a table could not be asked.
package login
