package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/pickup"
)

// serve runs what is not part of a generation, the control socket, pickup and the admin page,
// and answers reloads, until ctx is done.
func (m *Master) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	failed := make(chan error, 3)
	if err := m.serveControl(ctx, &wg, failed); err != nil {
		cancel()
		return err
	}
	run(&wg, failed, "requeue", func() error { return m.finishRequeues(ctx) })
	m.servePickup(ctx, &wg, failed)
	if err := m.serveAdmin(ctx, &wg, failed); err != nil {
		cancel()
		return err
	}
	m.around.tell(privsep.Ready, serving)
	m.log.Info(fmt.Sprintf("daemon started -- version %s, configuration %s", m.o.Version, m.cfg.Dir()))
	m.maillog.Flush()
	err := m.answer(ctx, failed)
	cancel()
	return err
}

// answer waits for reloads, for the end, or for something that failed.
func (m *Master) answer(ctx context.Context, failed <-chan error) error {
	alive, stop := m.around.watchdog()
	defer stop()
	for {
		select {
		case <-alive:
			m.around.tell(privsep.Alive, "")
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case reply := <-m.reloads:
			err := m.reload(ctx)
			if err != nil {
				m.log.Error("reload: " + err.Error() + "; going on as before")
			}
			reply <- err
		}
	}
}

// run starts fn under wg; an error of it ends the daemon.
func run(wg *sync.WaitGroup, failed chan<- error, what string, fn func() error) {
	wg.Go(func() {
		if err := fn(); err != nil && !errors.Is(err, context.Canceled) {
			failed <- fmt.Errorf("%s: %w", what, err)
		}
	})
}

func (m *Master) serveControl(ctx context.Context, wg *sync.WaitGroup, failed chan<- error) error {
	c := m.cfg
	l, err := ctl.Listen(c.String("control_socket"))
	if err != nil {
		return fmt.Errorf("control_socket: %w", err)
	}
	s := ctl.New(ctl.Options{
		MailqUsers: allowedUsers(c, "authorized_mailq_users"), FlushUsers: allowedUsers(c, "authorized_flush_users"),
		SubmitUsers: allowedUsers(c, "authorized_submit_users"), Log: m.logOf(c, "pickup"),
	}, backend{m})
	run(wg, failed, "control socket", func() error { return s.Serve(ctx, l) })
	return nil
}

func (m *Master) servePickup(ctx context.Context, wg *sync.WaitGroup, failed chan<- error) {
	for _, s := range m.cfg.Services() {
		if s.Program != "pickup" {
			continue
		}
		p := pickup.New(m.pickupOptions(s))
		run(wg, failed, "pickup", func() error { return p.Run(ctx) })
		return
	}
}

func (m *Master) pickupOptions(s mastercf.Service) pickup.Options {
	return pickup.Options{
		Dir: m.places.maildrop, Log: m.logOf(m.cfg, "pickup"), SizeLimit: m.cfg.Size("message_size_limit"), Wakeup: s.Wakeup,
		Submit: func(ctx context.Context, env *mail.Envelope, text io.Reader) (string, error) {
			return m.gen.Load().submit(ctx, env, text)
		},
		Return: m.returnToSender,
	}
}

// returnToSender tells the sender of a maildrop file that cleanup refused it.
func (m *Master) returnToSender(ctx context.Context, env *mail.Envelope, reply status.Reply, text mail.Content) error {
	e, failed := refusedEntry(env, reply, text.Size())
	return m.gen.Load().notifier.Bounce(ctx, e, func() (mail.Content, error) { return open{text}, nil }, failed)
}

// open is a content whose Close leaves it to its owner.
type open struct{ mail.Content }

// Close does nothing.
func (open) Close() error { return nil }

// serveAdmin serves metrics and health on admin_address, if it is set.
func (m *Master) serveAdmin(ctx context.Context, wg *sync.WaitGroup, failed chan<- error) error {
	addr := m.cfg.String("admin_address")
	if addr == "" {
		return m.noConsole()
	}
	l, err := m.around.listen("admin", addr)
	if err != nil {
		return fmt.Errorf("admin_address: %w", err)
	}
	m.counters.states(m.store)
	m.watchQueue()
	m.watchPlugins()
	ages := newAges(m.store, m.counters.registry)
	wg.Go(func() { ages.run(ctx) })
	h := m.withConsole(ctl.AdminHandler(m.counters.registry.Handler(), m.healthy))
	run(wg, failed, "admin page", func() error { return ctl.ServeAdmin(ctx, l, h, m.log) })
	return nil
}
