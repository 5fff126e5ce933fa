// Package browsertest uses the operator's page in a browser: Debian's chromium, against a worker with
// the sandbox. It is a module of its own, so that the page's tests need no browser.
//
//	npm install && go test -v .
//
// -orderbeat is a built program (otherwise it is built), -shots a folder for screenshots.
package browsertest
