package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/pickup/drop"
	"github.com/mtad/mtad/queue"
)

// maxAnswer bounds an answer other than a listing, in bytes.
const maxAnswer = 1 << 20

// Client talks to a daemon. Safe for concurrent use. Every request has a deadline of its own
// beside the one of its context. Close it.
type Client struct {
	http *http.Client
}

// NewClient returns a client of the daemon that listens on the control socket at path. It does
// not connect before the first request.
func NewClient(path string) *Client {
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, headTimeout)
			defer cancel()
			return dial(ctx, path)
		},
		DisableCompression: true,
	}}}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks the daemon about itself.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var st Status
	err := c.do(ctx, headTimeout, http.MethodGet, "/v1/status", nil, &st)
	return st, err
}

// List calls fn for every queued entry that the selector means, in the order of Backend.List, until
// it returns false.
func (c *Client) List(ctx context.Context, s *Selector, fn func(*Item) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := c.send(ctx, http.MethodGet, "/v1/queue?"+s.Query().Encode(), nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var it Item
		err := dec.Decode(&it)
		if errors.Is(err, io.EOF) {
			return trailer(resp)
		}
		if err != nil {
			return fmt.Errorf("queue listing: %w", err)
		}
		if !fn(&it) {
			return nil
		}
	}
}

// ListJSON copies the listing to w as it comes: one line of JSON per entry.
func (c *Client) ListJSON(ctx context.Context, s *Selector, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, "/v1/queue?"+s.Query().Encode(), nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("queue listing: %w", err)
	}
	return trailer(resp)
}

// trailer returns the failure that ended a listing, if one did.
func trailer(resp *http.Response) error {
	if text := resp.Trailer.Get(failTrailer); text != "" {
		return failure(resp.StatusCode, []byte(text))
	}
	return nil
}

// Flush makes the deferred entries due that the selector means and returns how many.
func (c *Client) Flush(ctx context.Context, s *Selector) (int, error) {
	return c.flush(ctx, "?"+s.Query().Encode())
}

// FlushSite makes the deferred entries for a domain due and returns how many. The domain must be
// one of fast_flush_domains: NotEligible recognises the error of another.
func (c *Client) FlushSite(ctx context.Context, domain string) (int, error) {
	return c.flush(ctx, "?fast="+url.QueryEscape(domain))
}

// eligible is the enhanced code of NotEligible.
const eligible = "5.7.0"

// NotEligible is the answer to a flush of a site that fast_flush_domains does not have.
func NotEligible(site string) error {
	return status.New(550, eligible, "Flush service is not configured for destination %q", site).By("fast_flush_domains")
}

// IsNotEligible reports whether an error is one of NotEligible.
func IsNotEligible(err error) bool {
	var e *status.Error
	return errors.As(err, &e) && e.Reply.DSN() == eligible
}

// FlushID makes one deferred entry due.
func (c *Client) FlushID(ctx context.Context, id string) error {
	_, err := c.flush(ctx, "?id="+url.QueryEscape(id))
	return err
}

func (c *Client) flush(ctx context.Context, query string) (int, error) {
	var a answered
	err := c.do(ctx, actTimeout, http.MethodPost, "/v1/flush"+query, nil, &a)
	return a.N, err
}

// Hold puts an entry on hold.
func (c *Client) Hold(ctx context.Context, id string) error { return c.entry(ctx, id, "/hold") }

// Release makes a held entry due.
func (c *Client) Release(ctx context.Context, id string) error { return c.entry(ctx, id, "/release") }

// Requeue has an entry pass the door again.
func (c *Client) Requeue(ctx context.Context, id string) error { return c.entry(ctx, id, "/requeue") }

// Delete removes an entry.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.do(ctx, actTimeout, http.MethodDelete, "/v1/queue/"+url.PathEscape(id), nil, nil)
}

func (c *Client) entry(ctx context.Context, id, what string) error {
	return c.do(ctx, actTimeout, http.MethodPost, "/v1/queue/"+url.PathEscape(id)+what, nil, nil)
}

// Reload makes the daemon read its configuration again.
func (c *Client) Reload(ctx context.Context) error {
	return c.do(ctx, actTimeout, http.MethodPost, "/v1/reload", nil, nil)
}

// Upgrade tells the daemon to hand over to the program that is now where its own was. It returns
// when that has begun.
func (c *Client) Upgrade(ctx context.Context) error {
	return c.do(ctx, actTimeout, http.MethodPost, "/v1/upgrade", nil, nil)
}

// Stop tells the daemon to stop. It returns when that has begun.
func (c *Client) Stop(ctx context.Context) error {
	return c.do(ctx, actTimeout, http.MethodPost, "/v1/stop", nil, nil)
}

// Submit queues a message of size bytes and returns its id. The daemon takes the caller's uid from
// the kernel; env.Origin and env.ID do not travel. After ErrDown and after a *status.Error the
// message is not queued; after another error it may be.
func (c *Client) Submit(ctx context.Context, env *mail.Envelope, text io.Reader, size int64) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, submitTimeout)
	defer cancel()
	resp, err := c.send(ctx, http.MethodPost, "/v1/submit", drop.Reader(env, text, size), drop.Head(env, size)+size)
	if err != nil {
		return "", err
	}
	var a answered
	if err := decode(resp, &a); err != nil {
		return "", err
	}
	if a.ID == "" {
		return "", errors.New("submit: an answer without a queue id")
	}
	return a.ID, nil
}

// do sends a request without a body, or with that one, and reads the answer into v unless nil.
func (c *Client) do(ctx context.Context, timeout time.Duration, method, path string, body io.Reader, v any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.send(ctx, method, path, body, 0)
	if err != nil {
		return err
	}
	return decode(resp, v)
}

// send returns an answer that is no failure.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://mtad"+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
	}
	return c.answer(req, http.StatusOK)
}

// answer sends a request and returns its answer, which has the status want.
func (c *Client) answer(req *http.Request, want int) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is ours and tells nothing
		}
		return nil, err
	}
	if resp.StatusCode == want {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return nil, failure(resp.StatusCode, b)
}

func decode(resp *http.Response, v any) error {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil || v == nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// failure makes an error of an answer that is one.
func failure(code int, body []byte) error {
	var r Reply
	if err := json.Unmarshal(bytes.TrimSpace(body), &r); err != nil || r.Code/100 < 4 || r.Code/100 > 5 {
		return fmt.Errorf("control socket: HTTP status %d: %.80q", code, body)
	}
	e := status.New(r.Code, r.Enhanced, "%s", r.Text)
	switch {
	case code == http.StatusNotFound && r.Enhanced == "5.1.0":
		return e.Because(queue.ErrNotFound)
	case r.Cause != "":
		return e.Because(errors.New(r.Cause))
	}
	return e
}
