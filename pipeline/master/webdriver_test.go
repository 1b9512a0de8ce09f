package master_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// screenshotsVariable names a directory that gets the screenshots of the tests, for people to look at.
const screenshotsVariable = "MTAD_SCREENSHOTS"

// chromium is a browser of its own without a window and without JavaScript, driven through WebDriver
// (W3C WebDriver §5): chromedriver speaks HTTP with JSON.
type chromium struct {
	t    testing.TB
	base string // of the session
	http http.Client
}

// newChromium starts a browser with an empty profile.
func newChromium(t testing.TB) *chromium {
	t.Helper()
	driver, browser := need(t, "chromedriver", "chromium-driver"), need(t, "chromium", "chromium")
	port := strconv.Itoa(porttest.Port(t))
	cmd := exec.Command(driver, "--port="+port)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it and its browser
		_ = cmd.Wait()
	})
	c := &chromium{t: t, base: "http://127.0.0.1:" + port, http: http.Client{Timeout: 2 * patience}}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if resp, err := c.http.Get(c.base + "/status"); err == nil {
			resp.Body.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	profile, err := os.MkdirTemp("", "mtad-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // what the browser still wrote when it was killed may stay
	options := map[string]any{"binary": browser,
		"args": []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--window-size=1280,1500", "--user-data-dir=" + profile},
		"prefs": map[string]any{"profile.managed_default_content_settings.javascript": 2}}
	var session struct{ SessionID string }
	c.call("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"browserName": "chrome", "goog:chromeOptions": options}}}, &session)
	c.base += "/session/" + session.SessionID
	t.Cleanup(func() {
		if req, err := http.NewRequest("DELETE", c.base, nil); err == nil {
			if resp, err := c.http.Do(req); err == nil {
				resp.Body.Close()
			}
		}
	})
	return c
}

// call sends a command; into gets its value.
func (c *chromium) call(method, path string, body, into any) {
	c.t.Helper()
	if err := c.try(method, path, body, into); err != nil {
		c.t.Fatalf("browser: %s %s: %v", method, path, err)
	}
}

func (c *chromium) try(method, path string, body, into any) error {
	var sent io.Reader
	if method == "POST" {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, c.base+path, sent)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var a struct{ Value json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%.500s", a.Value)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(a.Value, into)
}

func (c *chromium) visit(url string) {
	c.t.Helper()
	c.call("POST", "/url", map[string]string{"url": url}, nil)
}

// element is the path of the first element that fits; what is not there yet may still come.
func (c *chromium) element(using, what string) string {
	c.t.Helper()
	var found map[string]string
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := c.try("POST", "/element", map[string]string{"using": using, "value": what}, &found)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			c.t.Fatalf("no element %s: %v", what, err)
		}
	}
	for _, id := range found {
		return "/element/" + id
	}
	return ""
}

func (c *chromium) click(css string) {
	c.t.Helper()
	c.call("POST", c.element("css selector", css)+"/click", struct{}{}, nil)
}

func (c *chromium) fill(css, text string) {
	c.t.Helper()
	e := c.element("css selector", css)
	c.call("POST", e+"/clear", struct{}{}, nil)
	c.call("POST", e+"/value", map[string]string{"text": text}, nil)
}

// shows waits until an element has a text; a page that is being left may answer first.
func (c *chromium) shows(css, text string) {
	c.t.Helper()
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if c.try("GET", c.element("css selector", css)+"/text", nil, &got) == nil && strings.Contains(got, text) {
			return
		}
	}
	c.t.Fatalf("%s shows %q, want %q", css, got, text)
}

func (c *chromium) title() (title string) {
	c.t.Helper()
	c.call("GET", "/title", nil, &title)
	return title
}

// devtools sends a command of the Chrome DevTools Protocol.
func (c *chromium) devtools(command string, params map[string]any) {
	c.t.Helper()
	c.call("POST", "/goog/cdp/execute", map[string]any{"cmd": command, "params": params}, nil)
}

// look is what a screenshot looks like: how many colours there are, how much of it has the commonest, and
// how bright it is, from 0 to 255.
type look struct {
	colours    int
	commonest  float64
	brightness float64
}

// screenshot takes one and looks at it.
func (c *chromium) screenshot(name string) look {
	c.t.Helper()
	var text string
	c.call("GET", "/screenshot", nil, &text)
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		c.t.Fatal(err)
	}
	if dir := os.Getenv(screenshotsVariable); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		c.t.Fatal(err)
	}
	return lookAt(img)
}

func lookAt(img image.Image) look {
	count := map[[3]uint32]int{}
	r, all, sum := img.Bounds(), 0, 0.0
	for y := r.Min.Y; y < r.Max.Y; y += 2 {
		for x := r.Min.X; x < r.Max.X; x += 2 {
			red, green, blue, _ := img.At(x, y).RGBA()
			count[[3]uint32{red >> 8, green >> 8, blue >> 8}]++
			sum += float64(red>>8)*0.3 + float64(green>>8)*0.59 + float64(blue>>8)*0.11
			all++
		}
	}
	most := 0
	for _, n := range count {
		most = max(most, n)
	}
	return look{len(count), float64(most) / float64(all), sum / float64(all)}
}
