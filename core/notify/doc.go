// Package notify tells the service manager how this process is: systemd's sd_notify(3), in the few
// lines that it takes.
//
//	n := notify.New(os.Getenv)
//	n.Ready("serving")
//
// A nil *Notifier tells nobody.
//
// # Errors
//
// None: a service manager that does not listen is no reason not to serve.
package notify
