package main

func checkVerb([]string) int { return exUnavailable }
