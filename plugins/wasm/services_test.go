package wasm

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// serving is a host with services that answer with what they were asked.
type serving struct {
	initHost
	kv     map[string]string
	counts map[string]int64
	status string
}

func (*serving) MapGet(name, key string) (string, sdk.Errno) {
	if key == "none" {
		return "", sdk.ErrNotFound
	}
	return name + "/" + key, sdk.OK
}

func (h *serving) KVGet(key string) ([]byte, sdk.Errno) {
	if v, ok := h.kv[key]; ok {
		return []byte(v), sdk.OK
	}
	return nil, sdk.ErrNotFound
}

func (h *serving) KVSet(key string, value []byte, ttl int) sdk.Errno {
	if ttl != 60 {
		return sdk.ErrIO
	}
	h.kv[strings.Clone(key)] = string(value)
	return sdk.OK
}

func (h *serving) KVIncr(key string, delta int64, _ int) (int64, sdk.Errno) {
	if _, ok := h.kv[key]; ok {
		return 0, sdk.ErrInvalid
	}
	h.counts[strings.Clone(key)] += delta
	return h.counts[key], sdk.OK
}

func (h *serving) KVDel(key string) sdk.Errno {
	delete(h.kv, key)
	return sdk.OK
}

func (*serving) DNS(kind sdk.DNSType, name string) (string, sdk.Errno) {
	return fmt.Sprint(int(kind), " ", name), sdk.OK
}

func (*serving) Words(set string, _ sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	if set == "none" {
		return sdk.Match{}, sdk.ErrNotFound
	}
	return sdk.Match{Begin: from + 5}, sdk.OK
}

func (*serving) Regexp(pattern string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	return sdk.Match{Begin: from + int64(what-sdk.TextPart) + int64(len(pattern))}, sdk.OK
}

func (*serving) Hash(alg sdk.HashAlg, what sdk.Text) (string, sdk.Errno) {
	return fmt.Sprintf("%d:%d", alg, what), sdk.OK
}

func (*serving) MIMEPart(i int, what sdk.MIMEInfo) (string, sdk.Errno) {
	return fmt.Sprintf("part %d.%d", i, what), sdk.OK
}

func (*serving) MIMERead(_ int, off int64, p []byte) (int, sdk.Errno) {
	return copy(p, "0123456789"[off:]), sdk.OK
}

func (h *serving) RcptStatus(i, code int, enhanced, text string) sdk.Errno {
	h.status = fmt.Sprint(i, " ", code, " ", enhanced, " ", text)
	return sdk.OK
}

func loadServices(t *testing.T, allow ...string) (*Module, error) {
	t.Helper()
	bin, err := os.ReadFile("testdata/services.wasm")
	if err != nil {
		t.Fatal(err)
	}
	granted := map[string]bool{}
	for _, a := range allow {
		granted[a] = true
	}
	m, err := Load(context.Background(), bin, Options{Name: "services", Allow: granted})
	if err == nil {
		t.Cleanup(func() { m.Close(context.Background()) })
	}
	return m, err
}

func TestEveryServiceIsCalledWithWhatTheGuestGave(t *testing.T) {
	m, err := loadServices(t, "map", "kv", "dns", "scan", "deliver")
	if err != nil {
		t.Fatal(err)
	}
	h := &serving{initHost: initHost{m: m}, kv: map[string]string{}, counts: map[string]int64{}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := m.Call(ctx, sdk.PointEOM, h)
	if err != nil || a != 0 {
		t.Fatalf("check %d failed, %v", a-100, err)
	}
	if h.status != "1 550 5.1.1 unknown" {
		t.Fatalf("status %q", h.status)
	}
}

func TestEveryHookIsCalledByItsName(t *testing.T) {
	m, err := loadServices(t, "map", "kv", "dns", "scan", "deliver")
	if err != nil {
		t.Fatal(err)
	}
	for p := range sdk.Point(sdk.NumPoints) {
		if a, err := call(m, p, time.Minute); p != sdk.PointEOM && (err != nil || int(a) != int(p)) {
			t.Errorf("%s answers %d, %v", p, a, err)
		}
	}
}

func TestWhatIsMissingInTheAllowListIsNamed(t *testing.T) {
	_, err := loadServices(t, "kv", "edit")
	if err == nil || !strings.Contains(err.Error(), `"map"`) || !strings.Contains(err.Error(), `"scan"`) || strings.Contains(err.Error(), `"kv"`) {
		t.Fatal(err)
	}
}

func TestWaitingIsNotTheGuestsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		in := &instance{begun: begun, deadline: begun.Add(10 * time.Millisecond)}
		ask := waits(func(*guest) int64 { time.Sleep(time.Minute); return 7 })
		if v := ask(&guest{in: in}); v != 7 || time.Until(in.deadline) != 10*time.Millisecond || !in.begun.Equal(time.Now()) {
			t.Fatalf("%d, %v are left", v, time.Until(in.deadline))
		}
	})
}
