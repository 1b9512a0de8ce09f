package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// child is one running process with its lanes. Safe for concurrent use.
type child struct {
	o        *Options
	manifest sdk.Manifest
	begun    time.Time
	run      *run
	words    *words
	dir      string
	client   *goplugin.Client
	service  wire.PluginClient
	wants    wants
	lanes    pool

	life   context.Context // of the lanes
	cancel context.CancelFunc
	once   sync.Once
	mu     sync.Mutex
	killed string // why we killed it
	work   sync.WaitGroup
}

// start starts the program and asks what it is.
func start(ctx context.Context, o *Options) (*child, error) {
	if len(o.Command) == 0 {
		return nil, errors.New("a command is needed")
	}
	if err := CheckProgram(o.Command[0]); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mtad-plugin-")
	if err != nil {
		return nil, err
	}
	c := &child{o: o, begun: time.Now(), words: newWords(o.Log), dir: dir}
	c.life, c.cancel = context.WithCancel(context.Background())
	if err = c.greet(ctx); err != nil {
		c.stop() // what it said is read to its end by that
		return nil, fmt.Errorf("%w%s", err, c.words.said())
	}
	return c, nil
}

// greet starts the program, connects and initialises.
func (c *child) greet(ctx context.Context) error {
	secure, err := pin(c.o.SHA256)
	if err != nil {
		return err
	}
	c.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{ProtocolVersion: wire.Version, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue},
		Plugins:          goplugin.PluginSet{wire.Name: stub{}},
		RunnerFunc:       c.runner,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		StartTimeout:     c.o.StartTime,
		SkipHostEnv:      true,
		Logger:           hclog.NewNullLogger(),
		Stderr:           &stream{to: c.words}, SyncStdout: &stream{to: c.words}, SyncStderr: &stream{to: c.words},
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: c.dir},
		GRPCDialOptions: []grpc.DialOption{grpc.WithContextDialer(c.dial), grpc.WithIdleTimeout(0),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MaxFrame), grpc.MaxCallSendMsgSize(2*wire.MaxFrame)),
			grpc.WithInitialWindowSize(2 * wire.MaxFrame), grpc.WithInitialConnWindowSize(8 * wire.MaxFrame)},
	})
	if secure != nil {
		if ok, err := secure.Check(c.o.Command[0]); err != nil {
			return err
		} else if !ok {
			return errors.New("its sha256 is not the one configured")
		}
	}
	// The start looks at no context: it is bounded by StartTime, and ends when the program does.
	defer context.AfterFunc(ctx, func() { c.end("the start was given up") })()
	protocol, err := c.client.Client()
	if err != nil {
		return c.startError(err)
	}
	service, err := protocol.Dispense(wire.Name)
	if err != nil {
		return c.startError(err)
	}
	c.service = service.(wire.PluginClient)
	return c.introduce(ctx)
}

// pin makes go-plugin's check of the program's file.
func pin(sum string) (*goplugin.SecureConfig, error) {
	if sum == "" {
		return nil, nil
	}
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != sha256.Size {
		return nil, errors.New("sha256: 64 hexadecimal digits expected")
	}
	return &goplugin.SecureConfig{Checksum: b, Hash: sha256.New()}, nil
}

// startError brings go-plugin's errors, which advise developers over several lines, to one line.
func (c *child) startError(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	text = strings.TrimSpace(text)
	switch {
	case strings.HasSuffix(text, "remote plugin message:") || strings.Contains(text, "exited before"):
		if c.ends() {
			return fmt.Errorf("it ended before the handshake (%v)", c.run.err)
		}
		return errors.New("it closed its standard output before the handshake")
	case strings.Contains(text, "API version"):
		return fmt.Errorf("it speaks another version of the plugin protocol: %s", text)
	case strings.HasPrefix(text, "Unrecognized remote plugin message"):
		return fmt.Errorf("it is no plugin: instead of the handshake it wrote %q", cut(strings.TrimSpace(strings.TrimPrefix(text, "Unrecognized remote plugin message:")), 100))
	case strings.Contains(text, "unsupported plugin protocol"):
		return fmt.Errorf("it does not speak gRPC: %s", text)
	}
	return errors.New(text)
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// runner makes what starts the program for go-plugin, which brings the environment of the handshake.
func (c *child) runner(_ hclog.Logger, spec *exec.Cmd, dir string) (runner.Runner, error) {
	cmd := exec.Command(c.o.Command[0], c.o.Command[1:]...)
	cmd.Env = append(environment(), spec.Env...)
	cmd.Dir = "/"
	c.mu.Lock()
	defer c.mu.Unlock()
	c.run = &run{cmd: cmd, dir: dir, memory: c.o.Memory, words: c.words}
	return c.run, nil
}

// environment is all that a program gets of ours.
func environment() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	if tz := os.Getenv("TZ"); tz != "" {
		env = append(env, "TZ="+tz)
	}
	return env
}

// dial connects to the process and removes the socket with its directory: nobody else can connect, and
// nothing is left behind when mtad is killed. There is one connection in the life of a process.
func (c *child) dial(ctx context.Context, _ string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.run.socket)
	if err != nil {
		return nil, err
	}
	if err = c.run.mine(conn.(*net.UnixConn)); err != nil {
		conn.Close()
		return nil, err
	}
	_ = os.RemoveAll(c.dir)
	return conn, nil
}

// introduce tells the plugin its configuration and learns what it is.
func (c *child) introduce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.StartTime)
	defer cancel()
	q := &wire.InitRequest{Name: c.o.Name, Config: c.o.Config, Features: []string{"abi1", "stash", "counter"}}
	for name, ok := range c.o.Allow {
		if ok {
			q.Features = append(q.Features, name)
		}
	}
	r, err := c.service.Init(ctx, q)
	if err != nil {
		return c.lost("Init", err)
	}
	for _, op := range r.GetOps() {
		if op.GetFunction() == wire.Function_LOG {
			c.words.leveled(min(max(sdk.Level(op.GetI()), sdk.LevelDebug), sdk.LevelError), string(op.GetP()))
		}
	}
	if r.GetRefusal() != "" {
		return fmt.Errorf("it refuses to load: %s", cut(r.GetRefusal(), 500))
	}
	c.manifest = sdk.Manifest{Name: c.o.Name, Kind: "process", Hooks: sdk.Points(r.GetHooks()) & (1<<sdk.NumPoints - 1), Needs: r.GetNeeds()}
	if err := c.allowed(); err != nil {
		return err
	}
	for _, w := range r.GetWants() {
		c.wants.add(w)
	}
	n := int(r.GetLanes())
	if n == 0 {
		n = wire.DefaultLanes
	}
	c.lanes.init(min(n, wire.MaxLanes))
	return nil
}

// allowed refuses a plugin that needs more than its configuration grants.
func (c *child) allowed() error {
	var missing []string
	for _, n := range c.manifest.Needs {
		if !c.o.Allow[n] {
			missing = append(missing, fmt.Sprintf("%q", n))
		}
	}
	if missing == nil {
		return nil
	}
	list := strings.Join(missing, ", ")
	return fmt.Errorf("it asks for %s, which its configuration does not grant: add allow = [%s] if you trust it", list, list)
}

// ended is closed when the process has ended.
func (c *child) ended() <-chan struct{} { return c.run.exited }

// dead reports whether the process has ended.
func (c *child) dead() bool {
	select {
	case <-c.ended():
		return true
	default:
		return false
	}
}

// lost makes an error of a broken connection: when the process is ending, it waits for how.
func (c *child) lost(what string, err error) error {
	if c.ends() {
		return errors.New(c.obituary())
	}
	return fmt.Errorf("%s: %s", what, status.Convert(err).Message())
}

// ends waits a little for the end of the process.
func (c *child) ends() bool {
	t := time.NewTimer(drainTime)
	defer t.Stop()
	select {
	case <-c.ended():
		return true
	case <-t.C:
		return false
	}
}

// obituary says how the process ended.
func (c *child) obituary() string {
	c.mu.Lock()
	why := c.killed
	c.mu.Unlock()
	if why != "" {
		return fmt.Sprintf("process %d was killed: %s", c.run.pid(), why)
	}
	select {
	case <-c.run.silent:
	case <-time.After(drainTime):
	}
	return fmt.Sprintf("process %d ended (%v)%s", c.run.pid(), c.run.err, c.words.said())
}

// end kills the process for a reason.
func (c *child) end(why string) {
	c.mu.Lock()
	if c.killed == "" {
		c.killed = why
	}
	r := c.run
	c.mu.Unlock()
	if r != nil {
		_ = r.Kill(context.Background())
	}
}

// stop ends the process, gently at first, and waits until nothing is left of it.
func (c *child) stop() {
	c.once.Do(func() {
		c.cancel()
		if c.client != nil {
			// go-plugin asks the process to end and waits for the answer for ever.
			t := time.AfterFunc(c.o.Grace, func() { c.end("it did not end when it was told to") })
			c.client.Kill()
			t.Stop()
		}
		if c.run != nil {
			_ = c.run.Kill(context.Background())
			c.run.thread.Wait()
		}
		c.work.Wait()
		os.RemoveAll(c.dir)
	})
}

// stub is how go-plugin makes our client.
type stub struct {
	goplugin.NetRPCUnsupportedPlugin
}

var _ goplugin.GRPCPlugin = stub{}

// GRPCServer is the plugin's side, which is not here.
func (stub) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return sdk.ErrUnsup }

// GRPCClient makes a client of the connection.
func (stub) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return wire.NewPluginClient(conn), nil
}
