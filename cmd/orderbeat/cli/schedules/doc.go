// Package schedules has the commands about schedules: list, pause, resume, trigger and
// explain.
//
// It computes due times with the worker's scheduler from the configuration and the recorded
// ticks. Start reading at [Command].
package schedules
