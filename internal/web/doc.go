// Package web is what people and monitors see of a running bridge: the dashboard, the API beside it, the exports, and
// its health.
//
// Every page is made on the server and works without JavaScript. A dashboard without a password is read only and
// answers on loopback alone; with one, people log in and get a session cookie, and programs use HTTP Basic with the
// user name "admin". Whatever writes must come from the dashboard's own origin.
//
// What devices sent is hostile: pages show it through inventory.Printable and html/template, and the policy they are
// served under (Content Security Policy, level 3) lets no script run but our own file.
//
// GET /healthz answers while the process lives. GET /readyz answers 200 with the warnings an administrator should know
// of, and 503 while the bridge starts, drains or has no listener that serves. Neither tells a name of a device.
//
// HTTP is that of RFC 9110, cookies RFC 6265, HTTP Basic RFC 7617, passwords RFC 9106.
package web
