package master_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/pipeline/console"
)

const consolePassword = "correct horse battery"

// withConsole starts a daemon with a console, and with four messages to each of three sites that wait.
func withConsole(t *testing.T) (d *daemon, url string) {
	t.Helper()
	admin := porttest.Addr(t)
	d = newDaemon(t, "defer_transports = smtp", "relayhost = ["+strings.Replace(porttest.Addr(t), ":", "]:", 1), "admin_address = "+admin, "console_password_file = $config_directory/console", "smtpd_recipient_limit = 1000")
	line, err := console.Entry("alice", console.Act|console.View|console.Read, consolePassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.write("console", line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run()
	for i := range 12 {
		d.post("news@sender.test", fmt.Sprintf("user%d@site%d.test", i, i%3), []byte("Subject: <script>alert(1)</script> number "+fmt.Sprint(i)+"\r\n\r\nhello\r\n"))
	}
	d.log.waitCount(t, `status=deferred`, 12)
	return d, "http://" + admin
}

func TestTheConsoleIsThereOnlyWhenItIsAskedFor(t *testing.T) {
	admin := porttest.Addr(t)
	start(t, "admin_address = "+admin)
	resp, err := http.Get("http://" + admin + "/console/login")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", resp.StatusCode)
	}
	d := newDaemon(t, "console_password_file = $config_directory/console")
	d.launch()
	if d.wait() == 0 || !strings.Contains(d.log.tail(10), "set admin_address") {
		t.Errorf("without an address:\n%s", d.log.tail(10))
	}
}

func TestTheConsoleInABrowserWithoutJavaScript(t *testing.T) {
	b := newChromium(t)
	d, url := withConsole(t)
	b.visit("data:text/html,<title>off</title><p>x</p><script>document.title='on'</script>")
	if b.title() != "off" {
		t.Fatal("the browser runs scripts")
	}
	b.visit(url + "/console/queue")
	b.shows("h1", "mtad console") // a stranger sees the login
	seen(t, "login", b.screenshot("login"), 10, true)
	b.fill("input[name=name]", "alice")
	b.fill("input[name=password]", "wrong")
	b.click("button.primary")
	b.shows("p.trouble", "Name or password is wrong")
	b.fill("input[name=password]", consolePassword)
	b.click("button.primary")
	b.shows("h1", "Overview")
	b.shows("table.shape", "site2.test")
	b.shows("a[href$='queue=deferred']", "12")
	seen(t, "overview", b.screenshot("overview"), 60, true)

	b.visit(url + "/console/queue")
	b.shows("table.list", "user11@site2.test")
	seen(t, "queue", b.screenshot("queue"), 60, true)
	b.click("table.list a.id")
	b.shows("pre", "Subject: <script>alert(1)</script> number")
	b.shows("ol.log", "status=deferred")
	seen(t, "message", b.screenshot("message"), 60, true)
	b.click("button[value=hold]")
	b.shows("h1", "Hold 1 message?")
	b.click("form[action$=act] button")
	b.shows("h1", "Hold: 1 message done")
	d.log.wait(t, `: console: hold by user=alice client=127\.0\.0\.1`)
	b.visit(url + "/console/queue?queue=hold")
	b.shows("table.list", "held by the administrator")
	b.visit(url + "/console/queue?plugin=*")
	b.shows("main", "No message fits") // no plugin held it
	b.visit(url + "/console/queue?queue=hold")
	for _, act := range []string{"release", "flush"} {
		b.click("table.list a.id")
		b.click("button[value=" + act + "]")
		b.shows("h1", strings.ToUpper(act[:1])+act[1:]+" 1 message?")
		b.click("form[action$=act] button")
		b.shows("h1", strings.ToUpper(act[:1])+act[1:]+": 1 message done")
		d.log.wait(t, `console: user=alice client=127\.0\.0\.1 `+act+`: 1 messages, 0 failed`)
		b.visit(url + "/console/queue?queue=deferred")
	}

	b.visit(url + "/console/queue")
	b.fill("input[name=site]", "site1.test")
	b.click("form.filter button")
	b.shows("p.hint", "that fit")
	b.click("form.card:last-of-type button[value=delete]")
	b.shows("h1", "Delete 4 messages?")
	seen(t, "question", b.screenshot("question"), 60, true)
	b.click("form[action$=act] button")
	b.shows("h1", "Delete: 4 messages done")
	d.log.waitCount(t, `: console: delete by user=alice client=127\.0\.0\.1`, 4)
	b.visit(url + "/console/queue?site=site1.test")
	b.shows("main", "No message fits")

	b.devtools("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}})
	b.visit(url + "/console/")
	b.shows("h1", "Overview")
	seen(t, "overview in the dark", b.screenshot("dark"), 60, false)
	b.devtools("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": "light"}}})
	b.devtools("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 1400, "deviceScaleFactor": 1, "mobile": true})
	b.visit(url + "/console/queue")
	b.shows("h1", "Queue")
	seen(t, "queue on a telephone", b.screenshot("telephone"), 60, true)
	b.visit(url + "/console/")
	b.shows("h1", "Overview")
	seen(t, "overview on a telephone", b.screenshot("telephone-overview"), 60, true)

	b.click("form.who button")
	b.shows("h1", "mtad console")
	b.visit(url + "/console/message/" + firstID(d))
	b.shows("h1", "mtad console")
}

// seen fails a page that is blank, or not as bright as it should be.
func seen(t *testing.T, what string, l look, colours int, light bool) {
	t.Helper()
	if l.colours < colours || l.commonest > 0.99 {
		t.Errorf("%s is blank: %+v", what, l)
	}
	if light && l.brightness < 180 || !light && l.brightness > 90 {
		t.Errorf("%s has the wrong scheme: %+v", what, l)
	}
}

func firstID(d *daemon) string {
	m := regexp.MustCompile(`(\w+): to=<user0@site0`).FindStringSubmatch(d.log.tail(1000))
	if m == nil {
		return "none"
	}
	return m[1]
}
