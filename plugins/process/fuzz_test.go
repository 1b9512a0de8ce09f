package process_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// calls is a module that calls functions as a process asks for them.
type calls []*wire.Op

func (calls) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: "calls", Kind: "process", Hooks: 1<<sdk.NumPoints - 1}
}
func (calls) Close(context.Context) error { return nil }
func (c calls) Call(_ context.Context, _ sdk.Point, h sdk.Host) (sdk.Action, error) {
	for _, op := range c {
		process.Serve(h, op)
	}
	return sdk.ActContinue, nil
}

// Whatever a process sends, the host answers and goes on.
func FuzzFrame(f *testing.F) {
	for _, ops := range [][]*wire.Op{
		{{Function: wire.Function_GET, P: []byte("mail.from")}, {Function: wire.Function_HDR_GET, I: 0, J: 1}},
		{{Function: wire.Function_HDR_ADD, P: []byte("X-A"), Q: []byte("b"), I: -1}, {Function: wire.Function_BODY_BEGIN}, {Function: wire.Function_BODY_WRITE, P: []byte("x")}, {Function: wire.Function_BODY_END}},
		{{Function: wire.Function_REPLY, I: 550, P: []byte("5.7.1"), Q: []byte("no")}, {Function: wire.Function_MIME_READ, I: 0, J: 0, K: 100}},
	} {
		b, err := proto.Marshal(&wire.ToHost{Id: 1, Ops: ops})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var frame wire.ToHost
		if proto.Unmarshal(b, &frame) != nil {
			return
		}
		allow := map[string]bool{sdk.CapEdit: true, sdk.CapScan: true, sdk.CapDeliver: true, sdk.CapKV: true, sdk.CapMap: true, sdk.CapDNS: true}
		origin := mail.Origin{Kind: mail.KindSMTP}
		m := hook.NewSet([]hook.Plugin{{Module: calls(frame.GetOps()), Allow: allow}}, hook.Options{MaxBody: 1 << 20}).Session(&origin).
			Begin(&mail.Envelope{ID: "ID", Sender: "a@b", Recipients: []mail.Recipient{{Address: "r@x"}}})
		m.EOM(context.Background(), hook.Text{Header: mail.ParseHeader([]byte("Subject: x\r\n")), Rest: mail.Bytes("\r\nbody\r\n"), BodyOff: 2,
			Fork: func() hook.NewText { return &newText{} }})
	})
}

type newText struct{ b []byte }

func (n *newText) Write(p []byte) (int, error) { n.b = append(n.b, p...); return len(p), nil }
func (n *newText) Content() mail.Content       { return mail.Bytes(n.b) }
func (n *newText) Abort()                      {}
