package console

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/status"
)

const cookieName = "mtad_console"

// loginForm is what the login page shows.
type loginForm struct{ Name, Trouble string }

func (c *Console) loginPage(w http.ResponseWriter, v *visit) error {
	if c.identify(v) == nil && v.who != nil {
		http.Redirect(w, v.Request, Root, http.StatusSeeOther)
		return nil
	}
	c.page(w, v, http.StatusOK, "login", "Log in", loginForm{})
	return nil
}

// login compares a password. What is wrong, the name or the password, is not said.
func (c *Console) login(w http.ResponseWriter, v *visit) error {
	if err := v.ParseForm(); err != nil {
		return &refusal{errForm.code, errForm.text, err}
	}
	all, err := c.accounts()
	if err != nil {
		return err
	}
	name := v.PostForm.Get("name")
	from := client(v.Request)
	wait, ok := c.throttle.begin(from)
	if !ok {
		seconds := int(wait/time.Second) + 1
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		c.page(w, v, http.StatusTooManyRequests, "login", "Log in", loginForm{name, fmt.Sprintf("Too many attempts. Try again in %d s.", seconds)})
		return nil
	}
	a := all[name]
	ok = verify(a, all, v.PostForm.Get("password"))
	c.throttle.end(from, ok)
	if !ok {
		c.o.Log.Warning(status.Clean(fmt.Sprintf("console: login failed: user=%.64q client=%s", name, from)))
		c.page(w, v, http.StatusUnauthorized, "login", "Log in", loginForm{name, "Name or password is wrong."})
		return nil
	}
	// A new secret for every login: one that was there before is worth nothing.
	if k, err := v.Cookie(cookieName); err == nil {
		c.sessions.end(k.Value)
	}
	c.setCookie(w, v, c.sessions.add(a), 0)
	v.who = a
	c.note(v, "logged in")
	http.Redirect(w, v.Request, Root, http.StatusSeeOther)
	return nil
}

// setCookie sends the cookie of a session. It is Secure where the browser came by TLS: by the word of a
// proxy, which can only make it stricter.
func (c *Console) setCookie(w http.ResponseWriter, v *visit, secret string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: secret, Path: Root, MaxAge: maxAge, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: v.TLS != nil || v.Header.Get("X-Forwarded-Proto") == "https"})
}

func (c *Console) logout(w http.ResponseWriter, v *visit) error {
	c.sessions.end(v.secret)
	c.setCookie(w, v, "", -1)
	c.note(v, "logged out")
	http.Redirect(w, v.Request, Root+"login", http.StatusSeeOther)
	return nil
}

// note logs what somebody does.
func (c *Console) note(v *visit, format string, args ...any) {
	c.o.Log.Info(status.Clean(fmt.Sprintf("console: user=%s client=%s ", v.who.name, client(v.Request)) + fmt.Sprintf(format, args...)))
}
