// Package page is the operator's page: what is wrong now, orders with their history, the
// performance of suppliers, runs, schedules, exchanges, credentials and alerts, and the actions
// that an operator may take.
//
// It renders HTML on the server and owns the templates, the assets and the stream of updates. It
// reads the database and acts through [Config.Call], the operations of the request/reply
// service; it knows neither NATS nor how the database stores. The login is package web's. Start
// reading at [Page.routes].
package page
