package console

import (
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
)

// refusal is an answer with an HTTP status, and a text that tells a stranger nothing new.
type refusal struct {
	code int
	text string
	// cause is for the log.
	cause error
}

// Error is the text, with its cause.
func (r *refusal) Error() string {
	if r.cause != nil {
		return r.text + ": " + r.cause.Error()
	}
	return r.text
}

func refuse(code int, text string) *refusal { return &refusal{code: code, text: text} }

var (
	errNoPage   = refuse(http.StatusNotFound, "There is no such page")
	errClient   = refuse(http.StatusForbidden, "The console does not answer clients at this address (console_networks)")
	errHost     = refuse(http.StatusMisdirectedRequest, "The console does not answer to this host name (console_hosts)")
	errOrigin   = refuse(http.StatusForbidden, "This form was not sent by a page of the console")
	errToken    = refuse(http.StatusForbidden, "This form does not belong to your login: go back, load the page again and send it once more")
	errRight    = refuse(http.StatusForbidden, "Your account may not do that")
	errAccounts = refuse(http.StatusServiceUnavailable, "The password file cannot be used; the log says why")
	errForm     = refuse(http.StatusBadRequest, "The form cannot be read")
)

// visit is a request of somebody.
type visit struct {
	*http.Request
	// who and session are those of the login; who is nil without one.
	who     *account
	session session
	secret  string
}

// client is the address of the other end.
func client(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// protect sets what browsers shall do to keep the pages to themselves: nothing from elsewhere, no
// script at all, no frame around them, no copy kept. The referrer is same-origin rather than none:
// without one, browsers send "Origin: null" with a form.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// admit looks at where a request comes from and whither it was sent, before anything else.
func admit(s *Settings, r *http.Request) error {
	ok, err := s.Client(r.Context(), client(r))
	if err != nil {
		return &refusal{errClient.code, errClient.text, err}
	}
	if !ok {
		return errClient
	}
	// A page of a stranger whose name was made to point here (DNS rebinding) still has its own name.
	if !slices.Contains(s.Hosts, hostName(r.Host)) {
		return errHost
	}
	if r.Method == http.MethodPost && !sameOrigin(r) {
		return errOrigin
	}
	return nil
}

// hostName is the host of a Host field, without port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// sameOrigin reports whether a form was sent by a page of ours. Browsers name the origin with every POST.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	o, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && (o.Scheme == "http" || o.Scheme == "https") && o.Host != "" && strings.EqualFold(o.Host, r.Host)
}

// handler answers a visit, or returns why not before it has written anything.
type handler func(http.ResponseWriter, *visit) error

// anybody lets everybody in.
func (c *Console) anybody(fn handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Request: r}
		if err := fn(w, v); err != nil {
			c.fail(w, v, err)
		}
	})
}

// only lets those in who have logged in and have the rights; a form must hold the token of the login.
func (c *Console) only(need Rights, fn handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Request: r}
		err := c.identify(v)
		switch {
		case err != nil:
		case v.who == nil:
			http.Redirect(w, r, Root+"login", http.StatusSeeOther)
			return
		default:
			err = c.allowed(v, need)
		}
		if err == nil {
			allow(w, pageTime)
			err = fn(w, v)
		}
		if err != nil {
			c.fail(w, v, err)
		}
	})
}

// pageTime is what a page may take besides the time of its one walk through the queue.
const pageTime = walkTime + 20*time.Second

// allow gives an answer its time. All of the request was read: the deadline for reading would only end
// the work, since the server reads on to see whether the browser leaves.
func allow(w http.ResponseWriter, d time.Duration) {
	rc := http.NewResponseController(w)
	_ = errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Now().Add(d))) // no connection, no deadline
}

// identify finds the login of a visit. The account must still be as it was then.
func (c *Console) identify(v *visit) error {
	k, err := v.Cookie(cookieName)
	if err != nil {
		return nil
	}
	s, ok := c.sessions.find(k.Value)
	if !ok {
		return nil
	}
	all, err := c.accounts()
	if err != nil {
		return err
	}
	if a := all[s.name]; a != nil && string(a.hash) == s.hash {
		v.who, v.session, v.secret = a, s, k.Value
	}
	return nil
}

func (c *Console) accounts() (map[string]*account, error) {
	all, err := loadAccounts(c.o.Settings().PasswordFile)
	if err != nil {
		return nil, &refusal{errAccounts.code, errAccounts.text, err}
	}
	return all, nil
}

func (c *Console) allowed(v *visit, need Rights) error {
	if v.Method == http.MethodPost {
		if err := v.ParseForm(); err != nil {
			return &refusal{errForm.code, errForm.text, err}
		}
		if subtle.ConstantTimeCompare([]byte(v.PostForm.Get("csrf")), []byte(v.session.csrf)) != 1 {
			return errToken
		}
	}
	if !v.who.may(need) {
		c.note(v, "refused: %s %s", v.Method, v.URL.Path)
		return errRight
	}
	return nil
}

// fail answers an error. Its cause is for the log; of the queue's errors the reply is shown, which is fit
// for strangers.
func (c *Console) fail(w http.ResponseWriter, v *visit, err error) {
	var r *refusal
	if !errors.As(err, &r) {
		r = refusalOf(err)
	}
	if r.cause != nil {
		c.o.Log.Warning(status.Clean("console: " + r.Error()))
	}
	c.page(w, v, r.code, "error", "Not done", r.text)
}

func refusalOf(err error) *refusal {
	e := status.From(err)
	r := &refusal{code: http.StatusInternalServerError, text: e.Reply.Text, cause: e.Cause}
	switch {
	case strings.HasPrefix(e.Reply.Enhanced, "5.5.4"):
		r.code = http.StatusBadRequest
	case e.Temporary():
		r.code = http.StatusServiceUnavailable
	}
	return r
}
