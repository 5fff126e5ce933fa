package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// serviceManager reports the state of this process to systemd (sd_notify), and sends watchdog pings
// if the unit has a watchdog. Without systemd it does nothing.
type serviceManager struct {
	log     *slog.Logger
	stop    time.Duration // how long a shutdown may take
	ended   chan struct{}
	pinging sync.WaitGroup
}

// newServiceManager starts the watchdog pings if the unit has a watchdog; call close.
func newServiceManager(stop time.Duration, log *slog.Logger) *serviceManager {
	m := &serviceManager{log: log, stop: stop, ended: make(chan struct{})}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd watchdog pings are disabled", "err", err)
	}
	if interval > 0 {
		m.pinging.Go(func() { m.ping(interval / 2) })
	}
	return m
}

// ping notifies the watchdog until close, also during a shutdown, which worker.drain bounds.
func (m *serviceManager) ping(every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		m.notify(daemon.SdNotifyWatchdog)
		select {
		case <-ticks.C:
		case <-m.ended:
			return
		}
	}
}

func (m *serviceManager) close() {
	close(m.ended)
	m.pinging.Wait()
}

// started reports that the service is ready; it does not lead yet.
func (m *serviceManager) started() { m.notify(daemon.SdNotifyReady + "\nSTATUS=waiting to lead") }

func (m *serviceManager) leading() { m.notify("STATUS=leading: runs schedules and jobs") }

func (m *serviceManager) fetching() {
	m.notify(daemon.SdNotifyReady + "\nSTATUS=performing jobs of the leader")
}

// reloading reports that the configuration is being read again: systemd waits for reloaded.
func (m *serviceManager) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		m.log.Warn("failed to read the clock", "err", err)
	}
	m.notify(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/int64(time.Microsecond)))
}

// reloaded reports that the service is ready again, with the new configuration or the previous one.
func (m *serviceManager) reloaded() { m.notify(daemon.SdNotifyReady) }

// stopping reports the shutdown and extends the unit's TimeoutStopSec to what worker.drain allows.
func (m *serviceManager) stopping() {
	m.notify(fmt.Sprintf("%s\nSTATUS=finishing running jobs\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, (m.stop + time.Second).Microseconds()))
}

func (m *serviceManager) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn("failed to notify systemd", "err", err)
	}
}
