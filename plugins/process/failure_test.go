package process_test

// host is a program that runs a plugin and waits: the test kills it.
func host() {}
