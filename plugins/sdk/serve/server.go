package serve

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"google.golang.org/grpc"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// server is the plugin's side of the protocol. Safe for concurrent use after Init.
type server struct {
	wire.UnimplementedPluginServer
	plugin  sdk.Plugin
	needs   []string
	lanes   int
	learned [sdk.NumPoints]learned

	config   map[string]string
	features map[string]bool
}

func newServer(p sdk.Plugin, options []Option) *server {
	s := &server{plugin: p}
	for _, o := range options {
		o(s)
	}
	return s
}

// Init tells the plugin its configuration, and mtad what the plugin is.
func (s *server) Init(_ context.Context, r *wire.InitRequest) (reply *wire.InitReply, err error) {
	s.config, s.features = r.GetConfig(), map[string]bool{}
	for _, f := range r.GetFeatures() {
		s.features[f] = true
	}
	reply = &wire.InitReply{Hooks: uint32(sdk.HooksOf(s.plugin)), Needs: s.needs, Lanes: uint32(max(s.lanes, 0))}
	for p := range s.learned {
		if w := s.learned[p].news(sdk.Point(p)); w != nil {
			reply.Wants = append(reply.Wants, w)
		}
	}
	i, ok := s.plugin.(sdk.Initer)
	if !ok {
		return reply, nil
	}
	defer func() {
		if r := recover(); r != nil {
			reply.Refusal = fmt.Sprintf("panic: %v", r)
		}
	}()
	h := &initHost{s: s}
	if err := i.Init(sdk.Tx{Host: h}); err != nil {
		if reply.Refusal = err.Error(); reply.Refusal == "" {
			reply.Refusal = "no reason given"
		}
	}
	reply.Ops = h.logged
	return reply, nil
}

// Lane runs hooks, one after the other.
func (s *server) Lane(stream grpc.BidiStreamingServer[wire.ToPlugin, wire.ToHost]) error {
	h := &host{s: s, stream: stream}
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		call := m.GetCall()
		if call == nil {
			continue // the answer to a hook that has given up
		}
		h.begin(call)
		done := s.run(h, sdk.Point(call.GetPoint()))
		if h.err != nil {
			return h.err
		}
		if err := h.end(done); err != nil {
			return err
		}
	}
}

// run calls the hook; a panic of it is its failure.
func (s *server) run(h *host, p sdk.Point) (done *wire.Done) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(os.Stderr, "panic at %s: %v\n%s", p, r, debug.Stack())
			done = &wire.Done{Failure: fmt.Sprintf("panic: %v", r)}
		}
	}()
	v := sdk.Dispatch(s.plugin, p, sdk.Tx{Host: h})
	h.quiet = true // nobody asks for the results of what Answer says
	return &wire.Done{Action: int32(sdk.Answer(h, v))}
}
