package serve

import (
	"context"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// Option says more about a plugin than its value does.
type Option func(*server)

// Needs are the capabilities (sdk.CapEdit, …) without which the plugin is of no use: mtad refuses to
// load it and names the ones that its configuration does not allow. Without this option, a function
// that is not allowed answers sdk.ErrDenied when it is called.
func Needs(capabilities ...string) Option {
	return func(s *server) { s.needs = append(s.needs, capabilities...) }
}

// Wants are properties that mtad shall send along with calls of a point from the first call on. What
// is not declared is learned.
func Wants(p sdk.Point, properties ...string) Option {
	return func(s *server) {
		for _, name := range properties {
			s.learned[p].property(name)
		}
	}
}

// Lanes is how many hooks may run at a time (1 to wire.MaxLanes); further ones wait.
func Lanes(n int) Option { return func(s *server) { s.lanes = n } }

// Main serves p until mtad ends the process; it does not return.
func Main(p sdk.Plugin, options ...Option) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: wire.Version, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue},
		Plugins:         goplugin.PluginSet{wire.Name: registrar{server: newServer(p, options)}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			// Windows of a fixed size: what a lane sends fits, and no ping measures the socket.
			return grpc.NewServer(append(o, grpc.MaxRecvMsgSize(wire.MaxFrame), grpc.InitialWindowSize(2*wire.MaxFrame),
				grpc.InitialConnWindowSize(8*wire.MaxFrame))...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

// registrar is how go-plugin gets at the server.
type registrar struct {
	goplugin.NetRPCUnsupportedPlugin
	server *server
}

var _ goplugin.GRPCPlugin = registrar{}

// GRPCServer puts the service on go-plugin's server.
func (r registrar) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	wire.RegisterPluginServer(s, r.server)
	return nil
}

// GRPCClient is the host's side, which is not here.
func (registrar) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, sdk.ErrUnsup
}
