package conf_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
)

func TestALaterLayerWins(t *testing.T) {
	files := map[string]string{
		"main.cf":   "smtpd_recipient_limit = 1\nhopcount_limit = 1\nqueue_run_delay = 1\nmaximal_backoff_time = 1\nrelayhost = a\nrelayhost = b\n",
		"mtad.toml": "hopcount_limit = 2\nqueue_run_delay = 2\nmaximal_backoff_time = \"2\"\n",
		"master.cf": "smtp inet n - n - - smtpd -o maximal_backoff_time=5\n",
	}
	dir := conftest.Dir(t, files)
	c := conftest.LoadDir(t, dir, conf.WithEnviron([]string{"MTAD_QUEUE_RUN_DELAY=3", "MTAD_MAXIMAL_BACKOFF_TIME=3", "PATH=/bin", "XMTAD_RELAYHOST=c"}),
		conf.WithOverrides("maximal_backoff_time = 4"))
	main, toml := filepath.Join(dir, "main.cf"), filepath.Join(dir, "mtad.toml")
	tests := []struct {
		name  string
		raw   string
		where conf.Origin
		set   bool
	}{
		{"smtpd_soft_error_limit", "10", conf.Origin{}, false},
		{"smtpd_recipient_limit", "1", conf.Origin{Layer: conf.MainCF, File: main, Line: 1}, true},
		{"hopcount_limit", "2", conf.Origin{Layer: conf.TOML, File: toml, Line: 1}, true},
		{"queue_run_delay", "3", conf.Origin{Layer: conf.Environment, File: "environment"}, true},
		{"maximal_backoff_time", "4", conf.Origin{Layer: conf.CommandLine, File: "command line"}, true},
		{"relayhost", "b", conf.Origin{Layer: conf.MainCF, File: main, Line: 6}, true},
		{"nobody_knows_this", "", conf.Origin{}, false},
	}
	for _, tt := range tests {
		raw, where, set := c.Lookup(tt.name)
		if raw != tt.raw || where != tt.where || set != tt.set {
			t.Errorf("%s is %q, %v, %v; want %q, %v, %v", tt.name, raw, where, set, tt.raw, tt.where, tt.set)
		}
	}
	smtpd := c.For(c.Services()[0])
	if got := smtpd.Duration("maximal_backoff_time"); got != 5*time.Second {
		t.Errorf("-o in master.cf does not win: %v", got)
	}
	if _, where, _ := smtpd.Lookup("maximal_backoff_time"); where.String() != filepath.Join(dir, "master.cf")+":1" {
		t.Errorf("got %v", where)
	}
	if got := c.Int("hopcount_limit"); got != 2 {
		t.Errorf("got %d", got)
	}
	if c.Dir() != dir {
		t.Errorf("directory %s", c.Dir())
	}
}

func TestTheEnvironmentKnowsNamesInTheirCase(t *testing.T) {
	c := conftest.Load(t, "", conf.WithEnviron([]string{"MTAD_SMTPD_TLS_CAFILE= /ca ", "MTAD_MYHOSTNAME=a.example.net", "MTAD_2BOUNCE_NOTICE_RECIPIENT=x", "MTAD_=y"}))
	for name, want := range map[string]string{"smtpd_tls_CAfile": "/ca", "myhostname": "a.example.net", "2bounce_notice_recipient": "x"} {
		if raw, where, _ := c.Lookup(name); raw != want || where.Layer != conf.Environment {
			t.Errorf("%s is %q from %v", name, raw, where)
		}
	}
}

func TestDirectory(t *testing.T) {
	for _, tt := range []struct {
		flag    string
		environ []string
		want    string
	}{
		{"/a", []string{"MAIL_CONFIG=/b"}, "/a"},
		{"", []string{"MAIL_CONFIG=/b", "MAIL_CONFIG=/c"}, "/c"},
		{"", []string{"MAIL_CONFIG="}, "/etc/mtad"},
		{"", nil, "/etc/mtad"},
	} {
		if got := conf.Directory(tt.flag, tt.environ); got != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
}

func TestReadFailsWithoutFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := conf.Load(dir); err == nil || !strings.Contains(err.Error(), "neither main.cf nor mtad.toml") {
		t.Errorf("got %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "main.cf"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := conf.Read(dir); err == nil {
		t.Error("a directory was read as main.cf")
	}
}

func TestPluginsAreRelativeToTheDirectory(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"mtad.toml": "[[plugin]]\nname = \"a\"\nwasm = \"a.wasm\"\n[[plugin]]\nname = \"b\"\nbuiltin = \"c\"\n"})
	plugins := conftest.LoadDir(t, dir).Plugins()
	if len(plugins) != 2 || plugins[0].Wasm != filepath.Join(dir, "a.wasm") || plugins[1].Name != "b" {
		t.Fatalf("got %+v", plugins)
	}
}

// TestLoadNamesEveryMistake is the contract with whoever edits the files: one line per mistake.
func TestLoadNamesEveryMistake(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"nets": "10.0.0.1/8\n",
		"main.cf": "smtpd_recipient_limit = ten\nno equals\nmaximal_queue_lifetime = 5y\nsmtpd_helo_required = true\nsmtpd_banner = $\n" +
			"mynetworks = 10.0.0.1/8\nnotify_classes = bounces\nrelay_domains = /missing\nmydestination = $mydestination\n" +
			"mynetworks_style = world\nmyhostname = a..b\nreject_code = 354\nslow_destination_rate_delay = fast\n" +
			"debug_peer_list = !\nmyorigin = /missing/mailname\nsmtp_helo_timeout = 0\n",
		"mtad.toml": "hopcount_limit = 0\n[[plugin]]\nname = \"x\"\n",
		"master.cf": "smtp inet n - n - - smtpd\n  -o smtpd_timeout=x\nbad unix - - n - - nosuch\nslow unix - - n - - smtp -o smtpd_soft_error_limit=$nets -o nets=$\n",
	})
	_, err := conf.Load(dir, append(conftest.Options(), conf.WithEnviron([]string{"MTAD_QUEUE_MINFREE=-1"}), conf.WithOverrides("soft_bounce=maybe", "novalue"))...)
	if err == nil {
		t.Fatal("loaded")
	}
	wants := []string{
		`main.cf:1: smtpd_recipient_limit: bad value: "ten" is not a whole number`,
		`main.cf:2: missing '=' after attribute name: "no equals"`,
		`main.cf:3: maximal_queue_lifetime: bad value: "5y" is not a time`,
		`main.cf:4: smtpd_helo_required: bad value: "true" is neither yes nor no`,
		`main.cf:5: smtpd_banner: bad value: empty macro name`,
		`main.cf:6: mynetworks: bad value: host bits are set in the network "10.0.0.1/8": "10.0.0.0/8" expected`,
		`main.cf:7: notify_classes: bad value: "bounces" is not one of bounce, 2bounce`,
		`main.cf:9: mydestination: bad value: a loop: $mydestination -> $mydestination`,
		`main.cf:10: mynetworks_style: bad value: "world" is not one of host, subnet, class`,
		`main.cf:11: myhostname: bad value: "a..b" is not a host name`,
		`main.cf:12: reject_code: bad value: 354 is not the code of a reply`,
		`main.cf:13: slow_destination_rate_delay: bad value: "fast" is not a time`,
		`main.cf:15: myorigin: bad value: stat /missing/mailname`,
		`main.cf:16: smtp_helo_timeout: bad value: the time 0 is out of range: 1 or more seconds expected`,
		`mtad.toml:1: hopcount_limit: bad value: 0 is out of range: 1 or more expected`,
		`mtad.toml:2: plugin x: exactly one of wasm, process and builtin expected`,
		`environment: queue_minfree: bad value: -1 is out of range`,
		`command line: soft_bounce: bad value: "maybe" is neither yes nor no`,
		`command line: -o "novalue": name=value expected`,
		`master.cf:2: service smtp/inet: smtpd_timeout: bad value: "x" is not a time`,
		`master.cf:3: service bad: unknown program "nosuch"`,
		`master.cf:4: service slow/unix: smtpd_soft_error_limit: bad value: empty macro name`,
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no line %s", want)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(wants) || t.Failed() {
		t.Errorf("%d lines for %d mistakes:\n%v", lines, len(wants), err)
	}
}

func TestABadValueWithoutEffectIsNoMistake(t *testing.T) {
	c := conftest.Load(t, "debug_peer_list = !\nsmtpd_tls_eecdh_grade = perhaps\n")
	for _, f := range c.Check() {
		if f.Bad || f.Parameter == "debug_peer_list" && !strings.HasPrefix(f.Note, `bad value: no pattern after "!"; `) {
			t.Errorf("%+v", f)
		}
	}
	if warnings := strings.Join(c.Warnings(), "\n"); !strings.Contains(warnings, `smtpd_tls_eecdh_grade: bad value: "perhaps" is not one of auto, none, strong, ultra`) {
		t.Errorf("warnings:\n%s", warnings)
	}
}

func TestAnOverrideThatSpoilsAnotherParameterIsReported(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf":   "limit = 5\nsmtpd_recipient_limit = $limit\n",
		"master.cf": "smtp inet n - n - - smtpd -o limit=none\n",
	})
	_, err := conf.Load(dir, conftest.Options()...)
	if err == nil || !strings.Contains(err.Error(), `service smtp/inet: smtpd_recipient_limit: bad value: "none" is not a whole number`) {
		t.Fatalf("got %v", err)
	}
}

func TestABadValueIsReportedOnceWhereItIsSet(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"main.cf": "smtpd_client_connection_limit_exceptions = 10.0.0.1/8\n"})
	_, err := conf.Load(dir, conftest.Options()...)
	if err == nil || !strings.Contains(err.Error(), "main.cf:1: smtpd_client_connection_limit_exceptions: bad value: host bits") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v", err)
	}
}

func TestABadCompatibilityLevelIsOneMistake(t *testing.T) {
	for text, want := range map[string]string{
		"compatibility_level = three": `main.cf:1: compatibility_level: bad value: "three" is not a compatibility level`,
		"myorigin =":                  `main.cf:1: myorigin: bad value: "" is not a host name`,
	} {
		_, err := conf.Load(conftest.Dir(t, map[string]string{"main.cf": text}), conftest.Options()...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

func TestADefaultThatAMacroSpoilsIsReported(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"main.cf": "stress = $\n"})
	_, err := conf.Load(dir, conftest.Options()...)
	if err == nil || !strings.Contains(err.Error(), "main.cf:1: stress: bad value: empty macro name") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	dir = conftest.Dir(t, map[string]string{"main.cf": "multi_instance_name = ${multi}\nmulti = ${nobody?{a}x}\n"})
	if _, err = conf.Load(dir, conftest.Options()...); err == nil || !strings.Contains(err.Error(), "multi_instance_name: bad value") {
		t.Errorf("got %v", err)
	}
}

func TestReadingABadValueGivesTheDefault(t *testing.T) {
	c := conftest.ReadDir(t, conftest.Dir(t, map[string]string{
		"main.cf": "smtpd_recipient_limit = ten\nsmtpd_timeout = x\nsmtpd_helo_required = x\nsmtpd_banner = $\nmyhostname = a..b\n"}))
	if c.Int("smtpd_recipient_limit") != 1000 || c.Duration("smtpd_timeout") != 300*time.Second || c.Bool("smtpd_helo_required") {
		t.Error("a bad value does not read as the default")
	}
	if got := c.String("myhostname"); got != conftest.Hostname {
		t.Errorf("myhostname is %s", got)
	}
	if err := c.Validate(); err == nil {
		t.Error("a bad configuration is valid")
	}
}

func TestASnapshotDoesNotChangeWithItsFiles(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"domains": "a.example\n"})
	path := filepath.Join(dir, "domains")
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("relay_domains = "+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := conftest.LoadDir(t, dir)
	before := c.Items("relay_domains")
	if err := os.WriteFile(path, []byte("b.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after := c.Items("relay_domains"); len(before) != 1 || !reflect.DeepEqual(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
}
