// Package wire is the protocol between mtad and process plugins: plugin.proto with its generated
// code, and what both sides have to agree on beside it.
//
// plugin.proto is the authority; docs/plugin-authors.md shows how to speak it. "make gen" writes the
// generated files anew where protoc is installed.
//
// # Format
//
// gRPC over a unix socket that the program makes in the directory which PLUGIN_UNIX_SOCKET_DIR names,
// without TLS. The handshake is go-plugin's: CookieKey=CookieValue in the environment, and one line on
// standard output. Version is the version of plugin.proto; inside a version there are only additions.
package wire

// The handshake. A program that is started without the cookie was not started by mtad.
const (
	CookieKey   = "MTAD_PLUGIN"
	CookieValue = "abi"
	Version     = 1
	// Name is what go-plugin calls the one service of a plugin.
	Name = "plugin"
)

// Limits of the protocol.
const (
	// MaxFrame is the most bytes of one message in either direction.
	MaxFrame = 256 << 10
	// MaxText is the most bytes of text that one function reads or writes.
	MaxText = 64 << 10
	// Begin is the most bytes of the body that are sent along with a call.
	Begin = 32 << 10
	// DefaultLanes and MaxLanes are how many hooks run at a time in one plugin.
	DefaultLanes = 64
	MaxLanes     = 1024
	// MaxWanted is how many properties can be sent along with the calls of a point.
	MaxWanted = 64
)
