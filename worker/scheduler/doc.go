// Package scheduler starts runs at the due times of schedules. For each schedule a [loop] waits
// for the next due time and records its tick, with the run that it starts. The latest recorded
// due time is the watermark. Due times after it that have passed are missed or caught up, whatever the
// reason: the process was down, the machine was suspended, the clock was set forward, or the
// database did not respond.
//
// It implements the options catch_up, jitter, pause_after and at_start, and the alert
// missed_schedule. It does not depend on NATS or providers: [Config.Start] plans the runs. Start
// reading at [Scheduler.Run].
package scheduler
