// Package tlskeys reads private keys with the certificates that belong to them, and keeps what was read in step
// with the files.
//
// Pair reads what PREFIX_cert_file and PREFIX_key_file name, Chains what PREFIX_chain_files names: PEM in which
// each private key is followed by its certificates, the server's own first; one file may have several, and a key
// at the end of a file may have its certificates at the begin of the next (postconf(5) smtpd_tls_chain_files).
//
// A Store holds certificates for those who shake hands and reads them again while it is asked for them, so that a
// renewed one is in use some seconds after its files are complete. Nobody has to reload anything: Postfix's
// processes are too short-lived to need it.
//
// # Invariants
//
// A certificate leaves this package with the key that fits it. While files do not fit each other, as in the
// middle of a renewal, a Store keeps what it has. No file is read beyond MaxFile bytes.
//
// # Errors
//
// Errors name the file. They may quote what is in it: whoever reads for others must not pass them on.
package tlskeys
