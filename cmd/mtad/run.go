package main

func runVerb([]string) int { return exUnavailable }
