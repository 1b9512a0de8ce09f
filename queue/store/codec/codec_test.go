package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

var key = []byte("e\x00\x00\x00\x00\x00\x01\x00\x00\x00")

// fill gives every field under v a value of its own, so that a field which the codec forgets is
// missed. It fails the test for a kind of field it does not know.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(int64(1700000000+*n), int64(*n))
		return
	case *netip.AddrPort:
		*x = netip.AddrPortFrom(netip.MustParseAddr("fe80::1%eth0"), uint16(*n))
		return
	case *mail.Notify:
		*x = mail.NotifySuccess | mail.NotifyDelay
		return
	case *mail.Trace:
		*x = mail.TraceRecord
		return
	case *queue.State:
		*x = queue.Hold
		return
	case *queue.Outcome:
		*x = queue.Bounced
		return
	}
	switch v.Kind() {
	case reflect.Pointer: // to what is known only while the message comes in
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(t, v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("string %d \x00\xff", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n))
	default:
		t.Fatalf("no way to fill a %s", v.Type())
	}
}

func filled[T any](t *testing.T) *T {
	t.Helper()
	x, n := new(T), 0
	fill(t, reflect.ValueOf(x).Elem(), &n)
	return x
}

func TestEveryFieldComesBack(t *testing.T) {
	e := filled[queue.Entry](t)
	e.Origin.TLSKeys, e.Origin.CertificateAsked = "", false
	e.Origin.Server, e.Origin.Trusted = netip.AddrPort{}, false // known only while the message comes in
	for name, e := range map[string]*queue.Entry{"full": e, "empty": {}, "usual": usual(), "a question": {Envelope: mail.Envelope{Trace: mail.TraceVerify}}} {
		got, err := Entry(key, AppendEntry(nil, key, e))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s entry: %v\n got %+v\nwant %+v", name, err, got, e)
		}
	}
	r := filled[queue.Record](t)
	r.Recipients = nil
	for _, r := range []*queue.Record{r, {State: queue.Incoming}} {
		if got, err := Record(key, AppendRecord(nil, key, r)); err != nil || !reflect.DeepEqual(&got, r) {
			t.Errorf("record: %v\n got %+v\nwant %+v", err, got, *r)
		}
	}
	for _, p := range []*queue.Progress{filled[queue.Progress](t), {}} {
		if got, err := Progress(key, AppendProgress(nil, key, p)); err != nil || got != *p {
			t.Errorf("progress: %v\n got %+v\nwant %+v", err, got, *p)
		}
	}
}

func usual() *queue.Entry {
	return &queue.Entry{Size: 4321, Envelope: mail.Envelope{
		ID: "1E24010A2B", Sender: "a@example.org", Arrived: time.Unix(1700000000, 5000),
		Recipients: []mail.Recipient{{Address: "b@example.net", Original: "b@example.net"}, {Address: "c@example.net", Original: "C@example.net", ORcpt: "rfc822;C@example.net", Notify: mail.NotifyNever}},
		Origin: mail.Origin{Kind: mail.KindSMTP, Service: "smtpd", ClientName: "unknown", ReverseName: "unknown",
			Client: netip.MustParseAddrPort("192.0.2.1:2525"), Helo: "x", Proto: "ESMTP", UID: -1, Hops: 1},
	}}
}

func TestEdgesOfNumbersComeBack(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 63, -64, 64, math.MaxInt32, math.MaxInt64, math.MinInt64} {
		e := &queue.Entry{Size: n}
		e.Origin.UID = int(n)
		if got, err := Entry(key, AppendEntry(nil, key, e)); err != nil || got.Size != n || got.Origin.UID != int(n) {
			t.Errorf("%d came back as %+v, %v", n, got, err)
		}
	}
}

func TestAnyFlippedBitIsFound(t *testing.T) {
	text := make([]byte, InlineLen(8))
	PutInline(text, key, []byte("A: b\r\n"), []byte("\r\n"))
	file := AppendFile(nil, key, []byte("A: b\r\n"), 100_000, Sums{}.Add([]byte("x")).Add([]byte("y")))
	for name, c := range map[string]struct {
		value []byte
		parse func(key, value []byte) error
	}{
		"entry":    {AppendEntry(nil, key, usual()), func(k, v []byte) error { _, err := Entry(k, v); return err }},
		"record":   {AppendRecord(nil, key, filled[queue.Record](t)), func(k, v []byte) error { _, err := Record(k, v); return err }},
		"progress": {AppendProgress(nil, key, filled[queue.Progress](t)), func(k, v []byte) error { _, err := Progress(k, v); return err }},
		"inline":   {text, func(k, v []byte) error { _, err := ParseText(k, v); return err }},
		"file":     {file, func(k, v []byte) error { _, err := ParseText(k, v); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.parse(key, c.value); err != nil {
				t.Fatal(err)
			}
			if err := c.parse([]byte("other"), c.value); !errors.Is(err, ErrDamaged) {
				t.Fatalf("a wrong key gave %v", err)
			}
			for i := range len(c.value) * 8 {
				v := bytes.Clone(c.value)
				v[i/8] ^= 1 << (i % 8)
				if err := c.parse(key, v); !errors.Is(err, ErrDamaged) {
					t.Fatalf("bit %d flipped gave %v", i, err)
				}
			}
			for n := range c.value {
				if err := c.parse(key, c.value[:n]); !errors.Is(err, ErrDamaged) {
					t.Fatalf("cut to %d bytes gave %v", n, err)
				}
			}
		})
	}
}

func TestTextComesBack(t *testing.T) {
	head, body := []byte("Subject: x\r\n"), []byte("\r\nhello\r\n")
	v := make([]byte, InlineLen(len(head)+len(body)))
	PutInline(v, key, head, body)
	got, err := ParseText(key, v)
	if err != nil || got.File || string(got.Inline) != string(head)+string(body) {
		t.Fatalf("inline text: %+v, %v", got, err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int64{1, BlockLen, BlockLen + 1, 10 * BlockLen} {
		var sums Sums
		var blocks [][]byte
		for range Blocks(size) {
			b := fmt.Appendf(nil, "block %d", rng.Int())
			blocks, sums = append(blocks, b), sums.Add(b)
		}
		got, err := ParseText(key, AppendFile(nil, key, head, size, sums))
		if err != nil || !got.File || got.Size != size || !bytes.Equal(got.Inline, head) {
			t.Fatalf("text of %d bytes in a file: %+v, %v", size, got, err)
		}
		for i, b := range blocks {
			if !got.Sums.Match(i, b) || got.Sums.Match(i, b[1:]) || got.Sums.Match(len(blocks), b) {
				t.Fatalf("size %d: block %d is told wrongly", size, i)
			}
		}
	}
}

func TestCountsAreCheckedBeforeMemoryIsTaken(t *testing.T) {
	e := AppendEntry(nil, key, &queue.Entry{})
	for _, n := range []uint64{3, 1 << 20, math.MaxUint64} {
		v := e[:len(e)-sumLen-1]
		for ; n >= 0x80; n >>= 7 {
			v = append(v, byte(n)|0x80)
		}
		v = seal(append(v, byte(n)), 0, key)
		if allocs := testing.AllocsPerRun(10, func() {
			if _, err := Entry(key, v); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%d recipients that are not there: %v", n, err)
			}
		}); allocs > 10 {
			t.Fatalf("%v allocations", allocs)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(AppendEntry(nil, key, usual()))
	f.Add(AppendEntry(nil, key, &queue.Entry{}))
	f.Fuzz(func(t *testing.T, fields []byte) {
		if got, err := Entry(key, fields); err == nil && got == nil {
			t.Fatal("neither entry nor error")
		}
		e, err := Entry(key, seal(append([]byte{Version}, fields...), 0, key))
		if err != nil {
			return
		}
		again, err := Entry(key, AppendEntry(nil, key, e))
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%+v came back as %+v, %v", e, again, err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(AppendRecord(nil, key, &queue.Record{State: queue.Deferred, Due: time.Unix(1, 2), Reason: "x"}))
	f.Fuzz(func(t *testing.T, fields []byte) {
		v := seal(append([]byte{Version}, fields...), 0, key)
		if r, err := Record(key, v); err == nil {
			if again, err := Record(key, AppendRecord(nil, key, &r)); err != nil || !reflect.DeepEqual(r, again) {
				t.Fatalf("%+v came back as %+v, %v", r, again, err)
			}
		}
		if p, err := Progress(key, v); err == nil {
			if again, err := Progress(key, AppendProgress(nil, key, &p)); err != nil || p != again {
				t.Fatalf("%+v came back as %+v, %v", p, again, err)
			}
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add(AppendFile(nil, key, []byte("h"), 70000, Sums("12345678"))[sumLen:])
	f.Add([]byte{Version, kindInline, 'x'})
	f.Fuzz(func(t *testing.T, rest []byte) {
		v := append(make([]byte, sumLen), rest...)
		s := sum(key, rest)
		for i := range sumLen {
			v[i] = byte(s >> (8 * i))
		}
		text, err := ParseText(key, v)
		if err != nil {
			return
		}
		if text.File && len(text.Sums) != 4*Blocks(text.Size) {
			t.Fatalf("%d bytes of checksums for %d bytes", len(text.Sums), text.Size)
		}
	})
}

func BenchmarkEntry(b *testing.B) {
	e := usual()
	v := AppendEntry(nil, key, e)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v = AppendEntry(v[:0], key, e)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Entry(key, v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestReplyTextOfAnyLengthComesBack(t *testing.T) {
	p := queue.Progress{Outcome: queue.Deferred4, Reply: status.Reply{Code: 451, Enhanced: "4.3.0", Text: strings.Repeat("long ", 10000)}}
	if got, err := Progress(key, AppendProgress(nil, key, &p)); err != nil || got != p {
		t.Fatalf("%v", err)
	}
}
