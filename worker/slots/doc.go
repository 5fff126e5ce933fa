// Package slots limits how many jobs run concurrently, per process and per provider.
//
// It does not depend on the packages of jobs and providers. Start reading at [Slots].
package slots
