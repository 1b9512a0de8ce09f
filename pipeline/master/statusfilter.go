package master

import (
	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/queue"
)

// filtered puts the delivery status filter of a program around its agent, if there is one. That of local
// is inside it, since it is about each part of a recipient.
func (g *generation) filtered(c *conf.Config, program string, a queue.Agent) (queue.Agent, error) {
	name, ok := map[string]string{
		"smtp": "smtp_delivery_status_filter", "lmtp": "lmtp_delivery_status_filter",
		"virtual": "virtual_delivery_status_filter", "pipe": "pipe_delivery_status_filter",
		"error": "default_delivery_status_filter", "discard": "default_delivery_status_filter",
	}[program]
	if !ok {
		return a, nil
	}
	maps, err := g.openMaps(c, name)
	if err != nil || len(maps) == 0 {
		return a, err
	}
	return &deliver.StatusFilter{Agent: a, Maps: maps, Warn: g.m.logOf(c, program).Warning}, nil
}
