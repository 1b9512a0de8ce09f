//go:build wasip1

package guest

import "github.com/mtad/mtad/plugins/sdk"

// plugin and its host: set by Register, before any hook can be called.
var (
	plugin sdk.Plugin
	tx     sdk.Tx
)

// Register names the plugin of this module. Call it once, from an init function.
func Register(p sdk.Plugin) { plugin, tx = p, sdk.Tx{Host: host{}} }

func dispatch(p sdk.Point) int32 { return int32(sdk.Answer(tx.Host, sdk.Dispatch(plugin, p, tx))) }

//go:wasmexport mtad_abi_1
func abi1() {}

//go:wasmexport mtad_hooks
func hooks() int64 { return int64(sdk.HooksOf(plugin)) }

//go:wasmexport mtad_init
func initialise() int32 {
	i, ok := plugin.(sdk.Initer)
	if !ok {
		return 0
	}
	if err := i.Init(tx); err != nil {
		tx.Host.Reply(0, "", err.Error())
		return 1
	}
	return 0
}

//go:wasmexport mtad_connect
func connect() int32 { return dispatch(sdk.PointConnect) }

//go:wasmexport mtad_helo
func helo() int32 { return dispatch(sdk.PointHelo) }

//go:wasmexport mtad_auth
func auth() int32 { return dispatch(sdk.PointAuth) }

//go:wasmexport mtad_mail
func mail() int32 { return dispatch(sdk.PointMail) }

//go:wasmexport mtad_rcpt
func rcpt() int32 { return dispatch(sdk.PointRcpt) }

//go:wasmexport mtad_data
func data() int32 { return dispatch(sdk.PointData) }

//go:wasmexport mtad_headers
func headers() int32 { return dispatch(sdk.PointHeaders) }

//go:wasmexport mtad_eom
func eom() int32 { return dispatch(sdk.PointEOM) }

//go:wasmexport mtad_abort
func abort() int32 { return dispatch(sdk.PointAbort) }

//go:wasmexport mtad_body
func body() int32 { return dispatch(sdk.PointBody) }

//go:wasmexport mtad_rewrite
func rewrite() int32 { return dispatch(sdk.PointRewrite) }

//go:wasmexport mtad_route
func route() int32 { return dispatch(sdk.PointRoute) }

//go:wasmexport mtad_deliver
func deliver() int32 { return dispatch(sdk.PointDeliver) }

//go:wasmexport mtad_lookup
func lookup() int32 { return dispatch(sdk.PointLookup) }

//go:wasmexport mtad_event
func event() int32 { return dispatch(sdk.PointEvent) }
