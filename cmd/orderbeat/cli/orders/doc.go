// Package orders has the commands that show stored orders and republish their events:
// orders, order and replay.
//
// Orders and history are read from the database; only replay needs a running worker. Start
// reading at [ListCommand].
package orders
