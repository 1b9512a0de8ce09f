package master

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/maillog"
)

// logPlace is where the log goes: a file, the socket of a syslog daemon, or "" for standard error.
// Without maillog_file it is syslog, as with Postfix, when what we say on standard error would come
// to the same daemon without its program, process and severity.
func logPlace(c *conf.Config, syslog string) string {
	switch name := c.String("maillog_file"); {
	case name == "/dev/stderr":
		return ""
	case name == "" && inJournal() && maillog.IsSocket(syslog):
		return syslog
	default:
		return name
	}
}

// inJournal says whether systemd's journal reads our standard error (systemd.exec(5) JOURNAL_STREAM).
func inJournal() bool {
	var st syscall.Stat_t
	if syscall.Fstat(2, &st) != nil {
		return false
	}
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// openPlace opens a place that is not standard error.
func openPlace(c *conf.Config, place string) (io.WriteCloser, error) {
	var w io.WriteCloser
	var err error
	if maillog.IsSocket(place) {
		w, err = maillog.NewSyslog(place, c.String("syslog_facility"))
	} else {
		w, err = os.OpenFile(place, os.O_WRONLY|os.O_APPEND|os.O_CREATE, LogMode(c))
	}
	if err != nil {
		return nil, fmt.Errorf("maillog_file: %w", err)
	}
	return w, nil
}

// LogMode is maillog_file_permissions, one of three numbers.
func LogMode(c *conf.Config) fs.FileMode {
	mode, _ := strconv.ParseUint(c.String("maillog_file_permissions"), 8, 9)
	return fs.FileMode(mode)
}

// logHost is the host in each line, which syslog knows by itself.
func logHost(c *conf.Config, place string) string {
	if maillog.IsSocket(place) {
		return ""
	}
	return shortHost(c.String("myhostname"))
}

// give makes a log file the worker's. A file without a place in the file system nobody owns.
func give(w io.Writer, own *owner) error {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return err
	}
	return f.Chown(own.uid, own.gid)
}

// guardLog makes maillog_file, for the worker too, and returns the parent's log. A file that is
// mail_owner's already, when root lacks CAP_DAC_OVERRIDE, is the worker's alone.
func guardLog(c *conf.Config, syslog string, own *owner) (*maillog.Log, error) {
	o := maillog.Options{Writer: os.Stderr, Name: c.String("syslog_name"), JSON: c.String("log_format") == "json"}
	place := logPlace(c, syslog)
	o.Host = logHost(c, place)
	if place != "" {
		w, err := openPlace(c, place)
		if err == nil {
			o.Writer, err = w, give(w, own)
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
	}
	return maillog.New(o), nil
}
