package main

import (
	"context"
	"errors"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
)

const helpUpgrade = `usage: mtad [-c DIR] upgrade

Has the running daemon replaced by the program that is now in the place of its
own, as after the installation of another version. What is under way may finish,
for shutdown_time_limit at most; then the new program takes over in the same
process, on the same ports. Clients that connect meanwhile wait and are not
refused. Waits until the new one answers, at most 2 minutes. SIGUSR2 does the
same. A program that does not run ("mtad --version") is not taken.

Exit code: 0 done, 1 refused, not running, or not done in time.
`

func upgrade(sh *shell, args []string) int {
	return sh.ask(args, func(ctx context.Context, c *ctl.Client) error {
		before, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if err := c.Upgrade(ctx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		return replaced(ctx, c, before.Started)
	})
}

// replaced waits until a daemon answers that was not there before.
func replaced(ctx context.Context, c *ctl.Client, before time.Time) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := c.Status(ctx)
		if err == nil && !st.Started.Equal(before) {
			return nil
		}
		if err != nil && !errors.Is(err, ctl.ErrDown) && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the new program does not answer yet; see the log")
		}
	}
}
