package process_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// rude is a plugin that does not keep to the protocol.
type rude struct {
	goplugin.NetRPCUnsupportedPlugin
	wire.UnimplementedPluginServer
	how string
}

func (r *rude) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	wire.RegisterPluginServer(s, r)
	return nil
}

func (*rude) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, sdk.ErrUnsup
}

func (r *rude) serve() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: wire.Version, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue},
		Plugins:         goplugin.PluginSet{wire.Name: r},
		GRPCServer:      goplugin.DefaultGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}

func (r *rude) Init(_ context.Context, q *wire.InitRequest) (*wire.InitReply, error) {
	r.how = q.GetConfig()["how"]
	// Points, lanes and wishes beyond all that there is are no harm.
	wants := []*wire.Want{{Point: 99, Properties: []string{"x"}}, {Point: 3, Properties: append(make([]string, 100), strings.Repeat("y", 5000)), Header: true, Recipients: true, Body: true}}
	return &wire.InitReply{Hooks: 0xffffffff, Lanes: 1 << 30, Wants: wants}, nil
}

func (r *rude) Lane(s grpc.BidiStreamingServer[wire.ToPlugin, wire.ToHost]) error {
	if r.how == "speaks first" {
		_ = s.Send(&wire.ToHost{Done: &wire.Done{}})
	}
	m, err := s.Recv()
	if err != nil {
		return err
	}
	id := m.GetCall().GetId()
	get := &wire.Op{Function: wire.Function_GET, P: []byte("point")}
	var f *wire.ToHost
	switch r.how {
	case "says nothing":
		f = &wire.ToHost{Id: id}
	case "answers another call":
		f = &wire.ToHost{Id: id + 1, Done: &wire.Done{}}
	case "says too much":
		f = &wire.ToHost{Id: id, Done: &wire.Done{Failure: strings.Repeat("x", 300<<10)}}
	case "hangs up":
		return nil
	case "asks for what there is not":
		f = &wire.ToHost{Id: id, Ops: []*wire.Op{{Function: 999, I: -1 << 62, J: 1 << 62}, {Function: wire.Function_BODY_READ, I: -5, J: 1 << 40},
			{Function: wire.Function_HDR_GET, K: -7}, {Function: wire.Function_DNS, I: -1}, nil}, Done: &wire.Done{Want: &wire.Want{Point: 1 << 31}}}
	case "fails in two lines":
		f = &wire.ToHost{Id: id, Done: &wire.Done{Failure: "one\r\n250 two"}}
	case "never listens":
		for {
			if err := s.Send(&wire.ToHost{Id: id, Ops: []*wire.Op{get}}); err != nil {
				return err
			}
		}
	default:
		f = &wire.ToHost{Id: id, Done: &wire.Done{}}
	}
	if err := s.Send(f); err != nil {
		return err
	}
	<-s.Context().Done()
	return nil
}

func TestAPluginThatDoesNotKeepToTheProtocolFails(t *testing.T) {
	for _, c := range []struct{ how, demand string }{
		{"says nothing", `failure "nonsense: a frame without a function"`},
		{"answers another call", `failure "nonsense: a frame of call 2 in call 1"`},
		{"speaks first", `failure "nonsense: a frame of call 0 in call 1"`},
		{"says too much", `failure "nonsense: a frame of more than 262144 bytes"`},
		{"hangs up", `failure "the connection broke"`},
		{"asks for what there is not", "continue"},
		{"fails in two lines", `failure "one  250 two"`},
		{"never listens", `failure "nonsense: a frame before the answer"`},
	} {
		t.Run("one that "+c.how, func(t *testing.T) {
			passes(t, subject(t, "rude"), "config how = "+`"`+c.how+`"`+"\nmail a@b.test\n> "+c.demand+"\n", sdktest.Options{Time: 3 * time.Second})
		})
	}
}
