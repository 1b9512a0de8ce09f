package main

import "context"

const helpPluginNew = ""

func (sh *shell) pluginNew(context.Context, []string) int { return exUsage }
