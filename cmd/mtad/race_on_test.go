//go:build race

package main

// underRace: a program with the race detector takes several times the memory and the time.
const underRace = true
