// Clamav asks clamd, ClamAV's daemon, about each message: a program of its own because it talks to a
// socket, which a WebAssembly plugin cannot. README.md says how to use it.
package main
