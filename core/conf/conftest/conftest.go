package conftest

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/mtad/mtad/core/conf"
)

// Hostname is the name of the machine.
const Hostname = "mail.example.com"

// Options are the options that Load uses before those of the caller.
func Options() []conf.Option {
	return []conf.Option{
		conf.WithEnviron(nil),
		conf.WithHostname(Hostname),
		conf.WithInterfaces(interfaces),
		conf.WithResolver(func(_ context.Context, host string) ([]netip.Addr, error) {
			return nil, errors.New("conftest: no DNS for " + host)
		}),
		conf.WithVersion("1.2.3", "20250102"),
	}
}

func interfaces() ([]netip.Prefix, error) {
	return []netip.Prefix{
		netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64"),
	}, nil
}

// Dir makes a directory with the files and returns its name. It is gone after the test.
func Dir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Load returns the configuration of a directory that has the main.cf alone; Postfix's default
// services are its services.
func Load(t testing.TB, mainCF string, opts ...conf.Option) *conf.Config {
	t.Helper()
	return LoadDir(t, Dir(t, map[string]string{"main.cf": mainCF}), opts...)
}

// LoadDir returns the configuration of a directory.
func LoadDir(t testing.TB, dir string, opts ...conf.Option) *conf.Config {
	t.Helper()
	c, err := conf.Load(dir, append(Options(), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ReadDir returns the configuration of a directory, good or bad.
func ReadDir(t testing.TB, dir string, opts ...conf.Option) *conf.Config {
	t.Helper()
	c, err := conf.Read(dir, append(Options(), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
