package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/sasl/passwd"
	"github.com/mtad/mtad/core/sasl/saslauthd"
	"github.com/mtad/mtad/core/table"
)

// newSaslauthd is the Cyrus library as far as it asks saslauthd: what APPLICATION.conf says.
func (g *generation) newSaslauthd(c *conf.Config, application string) (sasl.Server, error) {
	if application == "" || strings.ContainsAny(application, "/\x00") {
		return nil, fmt.Errorf("smtpd_sasl_path = %s is not the name of an application", application)
	}
	name := application + ".conf"
	for _, dir := range cyrusDirectories(c) {
		o, unused, err := saslauthd.ReadConfig(os.DirFS(dir), name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s/%w", dir, err)
		}
		if len(unused) > 0 {
			g.m.log.Warning(filepath.Join(dir, name) + ": mech_list: " + strings.Join(unused, " ") + ": saslauthd can check passwords for PLAIN and LOGIN only")
		}
		o.Socket = inChroot(o.Socket, c.String("queue_directory"))
		o.Service, o.Realm = c.String("smtpd_sasl_service"), c.String("smtpd_sasl_local_domain")
		return saslauthd.New(o), nil
	}
	return nil, fmt.Errorf("there is no %s in %s: it must say pwcheck_method: saslauthd; or use smtpd_sasl_type = dovecot or passwd",
		name, strings.Join(cyrusDirectories(c), ", "))
}

// cyrusDirectories are where the library looks: cyrus_sasl_config_path, or where systems have it.
func cyrusDirectories(c *conf.Config) []string {
	if path := c.String("cyrus_sasl_config_path"); path != "" {
		return filepath.SplitList(path)
	}
	return []string{filepath.Join(c.Dir(), "sasl"), "/etc/postfix/sasl", "/etc/sasl2", "/usr/lib/sasl2"}
}

// inChroot finds a socket that was put below the queue directory for an smtpd that is chrooted there.
func inChroot(socket, queue string) string {
	below := filepath.Join(queue, socket)
	if _, err := os.Stat(socket); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(below); err == nil {
			return below
		}
	}
	return socket
}

// newPasswd is a table of users and hashes.
func (g *generation) newPasswd(c *conf.Config, spec string) (sasl.Server, error) {
	if filepath.IsAbs(spec) {
		spec = "texthash:" + spec
	}
	o := g.tableOptions(c)
	o.NoSubstitution, o.Shared = true, nil
	t, err := table.Open(spec, o)
	if err != nil {
		return nil, fmt.Errorf("smtpd_sasl_path: %w", err)
	}
	if end, ok := t.(io.Closer); ok {
		g.closers = append(g.closers, func() { _ = end.Close() })
	}
	words := c.List("smtpd_sasl_passwd_mechanisms")
	s, err := passwd.New(passwd.Options{Table: t, Domain: c.String("smtpd_sasl_local_domain"), SCRAM: has(words, "scram-sha-256")})
	if err != nil {
		return nil, err
	}
	return only{s, words}, nil
}

// only is a server of which some mechanisms are offered.
type only struct {
	sasl.Server
	words []string
}

// Mechanisms returns those that are named.
func (s only) Mechanisms(ctx context.Context) ([]sasl.Mechanism, error) {
	all, err := s.Server.Mechanisms(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(m sasl.Mechanism) bool { return !has(s.words, m.Name) }), err
}

func has(words []string, word string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) })
}
