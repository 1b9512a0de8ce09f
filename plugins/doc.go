// Package plugins hands out the SDKs: Starter has the files of a folder with a first filter, a
// Makefile, a transcript and the SDK of its language, so that a plugin can be written where mtad is
// installed and its source is not.
//
//	files, err := plugins.Starter("rust")
//
// # Invariants
//
// The folder is whole: it builds and passes its transcript with its language's toolchain and
// without network.
//
// # Errors
//
// Starter refuses a language that it does not know and names those that it does.
package plugins
