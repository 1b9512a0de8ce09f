//go:build !race

package process_test

// raceDetector says whether this is a run of the race detector, with which a process takes a second to
// start and reserves memory as no plugin does.
const raceDetector = false
