// Package scheduler starts runs by the clock. For each schedule a [loop] waits for the next
// due time and records what becomes of it: a tick, and the run that it starts. The latest
// recorded due time is the watermark. What is due after it and has passed is made up for,
// whatever the reason: the program did not run, the machine slept, the clock was set ahead,
// the database did not answer.
//
// It owns the policies overlap, catch_up, jitter, pause_after and at_start, and the alert
// missed_schedule. It knows neither NATS nor providers: planning a run is [Config.Start].
// Start reading at [Scheduler.Run].
package scheduler
