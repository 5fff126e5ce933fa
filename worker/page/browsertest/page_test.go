package browsertest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPageInABrowser walks through all sections with one worker and one browser.
func TestPageInABrowser(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run npm install", err)
	}
	w := start(t)
	b := open(t, w.web)
	b.login("ops", "operator-password")

	b.visit("/ui/orders")
	b.wait("orders", `document.querySelectorAll("#orders tbody a").length > 10`)
	followChange(b)
	b.visit("/ui/orders?sort=order&account=detroit")
	order := eval[string](b, `document.querySelector("#orders tbody a").getAttribute("href")`)
	b.visit("/ui/runs")
	b.wait("runs", `document.querySelector("#runs tbody a")`)
	run := eval[string](b, `document.querySelector("#runs tbody a").getAttribute("href")`)
	b.visit(run)
	job := eval[string](b, `document.querySelector("#run tbody a").getAttribute("href")`)
	b.visit("/ui/exchanges")
	exchange := eval[string](b, `document.querySelector("#exchanges tbody a").getAttribute("href")`)
	pauseSchedule(b)
	retryJob(b, w)
	question(b)

	sections := map[string]string{
		"overview": "/", "orders": "/ui/orders", "order": order, "suppliers": "/ui/suppliers", "suppliers-article": "/ui/suppliers?by=article", "runs": "/ui/runs", "run": run, "jobs": "/ui/jobs",
		"job": job, "schedules": "/ui/schedules", "exchanges": "/ui/exchanges", "exchange": exchange, "credentials": "/ui/credentials", "alerts": "/ui/alerts",
	}
	for name, path := range sections {
		t.Run(name, func(t *testing.T) {
			b := b.with(t)
			b.scheme("light")
			b.visit(path)
			b.wait("plots", `[...document.querySelectorAll("[data-plot]")].every(p => p.querySelector("canvas"))`)
			eval[bool](b, string(axe)+"; true")
			b.accessible(`{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}`)
			b.shot(name + "-light")
			b.scheme("dark")
			b.accessible(`{type: "rule", values: ["color-contrast", "link-in-text-block"]}`)
			b.shot(name + "-dark")
			b.scheme("light")
			b.do(chromedp.EmulateViewport(360, 740))
			if width := eval[int](b, `document.documentElement.scrollWidth`); width > 360 {
				t.Errorf("got a width of %d in a window of 360", width)
			}
			b.shot(name + "-360")
			b.do(chromedp.EmulateViewport(1280, 900))
		})
	}
	keyboard(b)
	withoutScripts(b, sections)
	if found := b.errors.String(); found != "" {
		t.Errorf("got in the console:\n%s", found)
	}
	readOnly(b)
}

// with is the browser for a subtest.
func (b *browser) with(t *testing.T) *browser {
	copied := *b
	copied.t = t
	return &copied
}

// accessible checks a page with axe-core, which is loaded: no rule has a serious violation.
func (b *browser) accessible(rules string) {
	b.t.Helper()
	result := eval[string](b, `axe.run(document, {runOnly: `+rules+`}).then(r =>
		JSON.stringify(r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
			.map(v => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html + " " + n.failureSummary).join("\n"))))`)
	var violations []string
	if err := json.Unmarshal([]byte(result), &violations); err != nil {
		b.t.Fatal(err)
	}
	if len(violations) > 0 {
		b.t.Errorf("with the rules %s: %s", rules, strings.Join(violations, "\n"))
	}
}

// followChange sees a change arrive in the list of orders without loading the page again.
func followChange(b *browser) {
	b.t.Helper()
	const revisions = `[...document.querySelectorAll("#orders tbody tr")].map(r => r.cells[0].innerText + r.cells[9].innerText).join()`
	b.wait("the stream of updates", `!document.getElementById("live-state").hidden`)
	eval[bool](b, `window.before = `+revisions+`; true`)
	b.wait("a changed order", `window.before && window.before !== `+revisions)
}

// click clicks the first button with a text.
func (b *browser) click(text string) {
	b.t.Helper()
	script, _ := json.Marshal(text)
	b.wait("button "+text, `[...document.querySelectorAll("button")].some(b => b.innerText === `+string(script)+`)`)
	eval[bool](b, `[...document.querySelectorAll("button")].find(b => b.innerText === `+string(script)+`).click(), true`)
}

func pauseSchedule(b *browser) {
	b.t.Helper()
	b.visit("/ui/schedules")
	b.click("Pause")
	b.wait("the schedule is paused", `document.querySelector("#notice")?.innerText === "The schedule is paused." && document.querySelector("#schedules .pill.warn")?.innerText === "paused"`)
	b.wait("the note names who did it", `document.querySelector("#schedules").innerText.includes("(page, ops)")`)
	b.click("Resume")
	b.wait("the schedule continues", `document.querySelector("#notice")?.innerText === "The schedule continues." && !document.querySelector("#schedules .pill.warn")`)
}

// retryJob retries a job that the sandbox has rejected once.
func retryJob(b *browser, w worker) {
	b.t.Helper()
	w.fault(b.t)
	b.visit("/ui/jobs?state=failed")
	b.wait("a failed job", `document.querySelector("#jobs tbody a")`)
	b.visit(eval[string](b, `document.querySelector("#jobs tbody a").getAttribute("href")`))
	b.wait("its error", `document.querySelector("#job .alerts")`)
	b.click("Retry")
	b.wait("the job succeeded", `document.querySelector("#job .head .pill")?.innerText === "succeeded"`)
}

// question asks before something that cannot be undone, and does nothing.
func question(b *browser) {
	b.t.Helper()
	b.visit("/ui/credentials")
	b.click("Log out…")
	b.wait("the question", `document.querySelector("main h1")?.innerText === "Log out?"`)
	eval[bool](b, `[...document.querySelectorAll("main a")].find(a => a.innerText === "Keep it").click(), true`)
	b.wait("the credential is still valid", `document.querySelector("#credentials .pill")?.innerText === "valid"`)
}

// keyboard reaches the content and the first button with the Tab key.
func keyboard(b *browser) {
	b.t.Helper()
	b.visit("/ui/schedules")
	b.do(chromedp.KeyEvent(kb.Tab))
	if got := eval[string](b, `document.activeElement.innerText`); got != "Skip to the content" {
		b.t.Errorf("the first stop of Tab is %q", got)
	}
	for range 12 {
		if b.do(chromedp.KeyEvent(kb.Tab)); eval[string](b, `document.activeElement.tagName`) == "BUTTON" {
			return
		}
	}
	b.t.Errorf("got %s after twelve stops, want a button", eval[string](b, `document.activeElement.outerHTML`))
}

// withoutScripts reads every section without JavaScript.
func withoutScripts(b *browser, sections map[string]string) {
	b.t.Helper()
	disable := func(value bool) {
		if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: value}); err != nil {
			b.t.Fatal(err)
		}
	}
	disable(true)
	defer disable(false)
	for name, path := range sections {
		b.do(chromedp.Navigate("http://" + b.web + path))
		text, err := chromedp.Run(b.ctx, chromedp.TextContent(chromedp.CSS("main")))
		if err != nil || len(strings.TrimSpace(text)) < 20 {
			b.t.Errorf("%s without JavaScript: got %q, %v", name, text, err)
		}
	}
}

// readOnly reads as the second user, who may not act.
func readOnly(b *browser) {
	b.t.Helper()
	b.visit("/ui/schedules")
	token := eval[string](b, `document.querySelector("input[name=token]").value`)
	b.login("guest", "guest-password")
	b.visit("/ui/schedules")
	if n := eval[int](b, `document.querySelectorAll("main button").length`); n != 0 {
		b.t.Errorf("got %d buttons for a read-only user", n)
	}
	status := eval[int](b, `fetch("/ui/act/pause-schedule", {method: "POST", body: new URLSearchParams({token: "`+token+`", name: "recent"})}).then(r => r.status)`)
	if status != 403 {
		b.t.Errorf("got %d for an action of a read-only user, want 403", status)
	}
	b.visit("/ui/schedules")
	if eval[bool](b, `!!document.querySelector("#schedules .pill.warn")`) {
		b.t.Error("a read-only user has paused a schedule")
	}
}
