package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/ports"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/pipeline/console"
	"github.com/mtad/mtad/pipeline/ctl/suspend"
	"github.com/mtad/mtad/pipeline/hook/kv"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store"
)

type maillogService = maillog.Service

// Options of a Master.
type Options struct {
	// Load reads the configuration anew, for a reload.
	Load func() (*conf.Config, error)
	// Stderr gets the log when maillog_file is not set, and the journal does not read it.
	Stderr io.Writer
	// Syslog is the socket of the syslog daemon for which we may log when the journal reads our
	// standard error; "" for none.
	Syslog string
	// Version is shown in the log and by status.
	Version string

	// around is what Serve found around this process; New makes one of its own without Serve.
	around *surroundings
	// overStore is put over the store, for tests; nil is nothing.
	overStore func(queue.Store) queue.Store
}

// Master is a running mtad. Make it with New, call Run once.
type Master struct {
	o       Options
	cfg     *conf.Config
	places  places
	around  *surroundings
	maillog *maillog.Log
	logFile io.WriteCloser // nil: standard error
	log     *maillog.Service
	ports   []*port
	// spawned are the ports and sockets of spawn; commands are its servers of all generations, which
	// endCommands end.
	spawned     spawned
	commands    sync.WaitGroup
	endCommands []context.CancelFunc
	store       queue.Store
	compiled    compiled
	kv          *kv.Store // of plugins; nil until one is allowed it
	screened    *kv.Store // of postscreen; nil until a service is that
	memories    memories
	counters    *counters
	trace       *trace.Recorder
	// rates and journal are what the web console shows; nil without one.
	rates   *console.Rates
	journal *console.Journal
	// suspended are the destinations that get no mail, and the services that do nothing.
	suspended *suspend.Table
	loads     *loads
	begun     time.Time

	gen     atomic.Pointer[generation]
	reloads chan chan error
	stop    context.CancelFunc
	old     sync.WaitGroup // generations on their way out
}

// New binds the ports of c and opens the queue. On error nothing is left open. It gives up no
// privileges: Serve does.
func New(c *conf.Config, o Options) (m *Master, err error) {
	m = &Master{o: o, cfg: c, places: placesOf(c), counters: newCounters(), trace: trace.New(trace.Options{}), begun: time.Now(), reloads: make(chan chan error)}
	if m.around = o.around; m.around == nil {
		m.around = &surroundings{ports: ports.New()}
	}
	m.loads = newLoads(m.counters.registry)
	defer func() {
		if err != nil {
			m.release()
		}
	}()
	if err = m.places.prepare(); err != nil {
		return m, err
	}
	if err = m.openLog(c); err != nil {
		return m, err
	}
	for _, w := range readOnlyMailboxes(c, onReadOnly) {
		m.log.Warning(w)
	}
	if err = m.confine(c); err != nil {
		return m, err
	}
	if m.ports, _, err = m.bind(c); err != nil {
		return m, err
	}
	if err = m.openStore(c); err != nil {
		return m, err
	}
	if m.suspended, err = suspend.Open(filepath.Join(m.places.data, "suspended.json")); err != nil {
		return m, err
	}
	// After the store, which one process has: another's sockets are not to be taken away.
	m.spawned = spawned{}
	_, err = m.openSpawned(c, m.spawned)
	return m, err
}

// openStore opens the queue.
func (m *Master) openStore(c *conf.Config) error {
	s, err := store.Open(store.Options{Dir: m.places.store, LongIDs: c.Bool("enable_long_queue_ids"),
		MinFree: c.Size("queue_minfree"), Log: m.maillog.Service("store").Slog()})
	if err != nil {
		return err
	}
	if m.store = s; m.o.overStore != nil {
		m.store = m.o.overStore(s)
	}
	return nil
}

// delayDigits is delay_logging_resolution_limit as maillog.Options has it.
func delayDigits(c *conf.Config) int {
	if n := c.Int("delay_logging_resolution_limit"); n > 0 {
		return int(n)
	}
	return -1
}

// openLog opens the place of the log, or takes standard error.
func (m *Master) openLog(c *conf.Config) error {
	w, place := m.o.Stderr, logPlace(c, m.o.Syslog)
	if place != "" {
		f, err := openPlace(c, place)
		if err != nil {
			return err
		}
		m.logFile, w = f, f
	}
	m.maillog = maillog.New(maillog.Options{Writer: w, Copy: m.openConsole(c), Name: c.String("syslog_name"), Host: logHost(c, place),
		JSON: c.String("log_format") == "json", DelayDigits: delayDigits(c)})
	m.log = m.maillog.Service("master")
	return nil
}

func shortHost(name string) string {
	for i, r := range name {
		if r == '.' {
			return name[:i]
		}
	}
	return name
}

// logOf returns the log of a service, under the syslog_name that c gives it.
func (m *Master) logOf(c *conf.Config, service string) *maillog.Service {
	return m.maillog.Named(c.String("syslog_name"), service)
}

// accepted hands an entry to the manager of the moment.
func (m *Master) accepted(e *queue.Entry) {
	m.counters.queued.Inc()
	m.rates.Accepted()
	if g := m.gen.Load(); g != nil {
		g.queue.Accepted(e)
	}
}

func (m *Master) freeBytes() (int64, error) { return m.store.FreeBytes() }

// Run serves until ctx is done, then drains and stops. It returns when everything has ended.
func (m *Master) Run(ctx context.Context) error {
	defer m.release()
	ctx, m.stop = context.WithCancel(ctx)
	defer m.stop()
	g, err := m.build(ctx, m.cfg)
	if err != nil {
		return err
	}
	m.begin(ctx, g)
	defer m.removePid()
	err = m.serve(ctx)
	m.stop() // it may have failed: the sessions end all the same
	m.around.tell(privsep.Stopping, "sessions and deliveries under way may finish")
	m.log.Info("stopping: sessions and deliveries under way may finish")
	m.end()
	m.log.Info("terminated")
	return err
}

// begin starts a generation and writes the pid file.
func (m *Master) begin(ctx context.Context, g *generation) {
	m.gen.Store(g)
	g.start(ctx)
	pid := strconv.Itoa(m.around.pid()) + "\n"
	if err := os.WriteFile(m.pidFile(), []byte(pid), 0o644); err != nil {
		m.log.Warning("pid file: " + err.Error())
	}
}

func (m *Master) pidFile() string { return filepath.Join(m.places.pid, "master.pid") }

func (m *Master) removePid() { os.Remove(m.pidFile()) }

// end waits for the sessions, which ctx has told to end, and for the manager.
func (m *Master) end() {
	g := m.gen.Load()
	g.sessions.Wait()
	g.stopManager()
	m.old.Wait()
	g.close()
	m.stopCommands()
}

// Reload reads the configuration anew and goes on with it. When it is bad, the error says why and
// everything goes on as before.
func (m *Master) Reload(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case m.reloads <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop drains and ends Run.
func (m *Master) Stop() { m.stop() }

// reload makes a new generation and lets the old one go. Sessions of the old one go on until they
// end; deliveries under way end or are deferred.
func (m *Master) reload(ctx context.Context) error {
	m.around.tell(privsep.Reloading, "")
	defer m.around.tell(privsep.Ready, serving)
	if err := m.around.reload(); err != nil {
		return err
	}
	c, err := m.o.Load()
	if err != nil {
		return err
	}
	before, old := m.gen.Load(), m.ports
	g, err := m.buildNext(ctx, c)
	if err != nil {
		return err
	}
	m.gen.Store(g)
	before.stopManager()
	g.start(ctx)
	m.cfg = c
	m.leave(old)
	m.reopenLog(c)
	m.old.Go(func() {
		before.sessions.Wait()
		before.close()
	})
	m.log.Info(fmt.Sprintf("reload -- version %s, configuration %s", m.o.Version, c.Dir()))
	return nil
}

// buildNext builds a generation on the ports that it has in common with the present one, and on its own. On
// error everything is as it was.
func (m *Master) buildNext(ctx context.Context, c *conf.Config) (*generation, error) {
	ports, fresh, err := m.bind(c)
	if err != nil {
		return nil, err
	}
	spawned, err := m.openSpawned(c, m.spawned)
	if err != nil {
		closePorts(fresh)
		return nil, err
	}
	old := m.ports
	m.ports = ports
	g, err := m.build(ctx, c)
	if err != nil {
		m.ports = old
		for key := range spawned {
			delete(m.spawned, key)
		}
		spawned.close()
		closePorts(fresh)
	}
	return g, err
}

// reopenLog lets go of a log file that was rotated away. From a file to syslog or back it is another
// start.
func (m *Master) reopenLog(c *conf.Config) {
	place := logPlace(c, m.o.Syslog)
	if _, file := m.logFile.(*os.File); !file || place == "" || maillog.IsSocket(place) {
		return
	}
	f, err := openPlace(c, place)
	if err != nil {
		m.log.Warning(err.Error() + "; the log goes on where it was")
		return
	}
	m.maillog.Reopen(f)
	m.logFile.Close()
	m.logFile = f
}

// release closes what New opened.
func (m *Master) release() {
	closePorts(m.ports)
	m.spawned.close()
	m.around.close()
	var err error
	if m.kv != nil {
		err = m.kv.Close()
	}
	if m.screened != nil {
		err = errors.Join(err, m.screened.Close())
	}
	err = errors.Join(err, m.memories.close())
	if m.store != nil {
		err = errors.Join(err, m.store.Close())
	}
	if m.maillog == nil {
		return
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		m.log.Error("queue: " + err.Error())
	}
	m.maillog.Flush()
}
