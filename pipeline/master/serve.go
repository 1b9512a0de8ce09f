package master

import "context"

// serve answers reloads until ctx is done.
func (m *Master) serve(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case answer := <-m.reloads:
			err := m.reload(ctx)
			if err != nil {
				m.log.Error("reload: " + err.Error() + "; going on as before")
			}
			answer <- err
		}
	}
}
