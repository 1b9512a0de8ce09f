// Package rehearse gives transcripts of package sdktest what mtad itself does for plugins: the scan
// service, which searches messages and takes them apart.
//
//	err = sdktest.Play(ctx, subject, script, rehearse.Options()).Err("filter.txt")
//
// # Invariants
//
// Nothing outside is asked: no file but those of words that a configuration names, no network.
//
// # Errors
//
// Those of the ABI.
package rehearse
