// Package page implements the operator's page: current problems, orders with their history, the
// performance of suppliers, runs, schedules, exchanges, credentials and alerts, and the actions
// of an operator.
//
// It renders HTML on the server and has the templates, the assets and the stream of updates. It
// reads the database and performs actions with [Config.Call], which calls endpoints of the request/reply
// service. It does not depend on NATS. Package web checks the login. Start
// reading at [Page.routes].
package page
