package service

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/oklog/ulid/v2"

	"orderbeat/worker/bus"
)

// microService is a service of the NATS micro protocol (ADR-32). The library's implementation
// handles one request of an endpoint at a time and counts it when the handler returns; here
// requests of one endpoint run concurrently, and each is counted when its reply is sent. It is
// safe for concurrent use after the last add.
type microService struct {
	conn *nats.Conn
	info micro.Info
	subs []*nats.Subscription

	mu    sync.Mutex // guards stats
	stats micro.Stats
}

// newMicroService returns the service of a process. asOf is nil for a leader: see [Service.Follow].
func newMicroService(conn *nats.Conn, version, process, host string, asOf func() (time.Time, bool)) *microService {
	role, does := "leader", "leads"
	if asOf != nil {
		role, does = "follower", "follows"
		if _, current := asOf(); !current {
			does = "follows, too far behind to reply,"
		}
	}
	description := "order status of suppliers; " + does + " on " + host
	identity := micro.ServiceIdentity{
		Name: "orderbeat", ID: ulid.Make().String(), Version: bus.Semver(version),
		Metadata: map[string]string{"role": role, "process": process, "host": host},
	}
	return &microService{
		conn: conn, info: micro.Info{ServiceIdentity: identity, Type: micro.InfoResponseType, Description: description},
		stats: micro.Stats{ServiceIdentity: identity, Type: micro.StatsResponseType, Started: time.Now().UTC()},
	}
}

// counter counts a request with its duration. failed is its error, "" if it succeeded.
type counter func(took time.Duration, failed string)

// add subscribes to the requests of an endpoint. handle is called for one request at a time.
func (m *microService) add(name, subject string, metadata map[string]string, handle func(*nats.Msg, counter)) error {
	m.info.Endpoints = append(m.info.Endpoints, micro.EndpointInfo{
		Name: name, Subject: subject, QueueGroup: micro.DefaultQueueGroup, Metadata: metadata,
	})
	stats := &micro.EndpointStats{Name: name, Subject: subject, QueueGroup: micro.DefaultQueueGroup}
	m.stats.Endpoints = append(m.stats.Endpoints, stats)
	count := func(took time.Duration, failed string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		stats.NumRequests++
		stats.ProcessingTime += took
		stats.AverageProcessingTime = stats.ProcessingTime / time.Duration(stats.NumRequests)
		if failed != "" {
			stats.NumErrors++
			stats.LastError = failed
		}
	}
	sub, err := m.conn.QueueSubscribe(subject, micro.DefaultQueueGroup, func(msg *nats.Msg) { handle(msg, count) })
	if err == nil {
		m.subs = append(m.subs, sub)
	}
	return err
}

// listen subscribes to a subject that is not an endpoint of the micro protocol.
func (m *microService) listen(subject string, handle func(*nats.Msg)) error {
	sub, err := m.conn.Subscribe(subject, handle)
	if err == nil {
		m.subs = append(m.subs, sub)
	}
	return err
}

// discoverable subscribes to PING, INFO and STATS requests for all services, for the service name, and for
// this instance. add must not be called afterwards.
func (m *microService) discoverable() error {
	for verb, value := range map[micro.Verb]func() any{
		micro.PingVerb:  func() any { return micro.Ping{ServiceIdentity: m.info.ServiceIdentity, Type: micro.PingResponseType} },
		micro.InfoVerb:  func() any { return m.info },
		micro.StatsVerb: func() any { return &m.stats },
	} {
		for _, who := range []micro.ServiceIdentity{{}, {Name: m.info.Name}, m.info.ServiceIdentity} {
			subject, err := micro.ControlSubject(verb, who.Name, who.ID)
			if err != nil {
				return err
			}
			sub, err := m.conn.Subscribe(subject, func(msg *nats.Msg) {
				m.mu.Lock()
				defer m.mu.Unlock()
				if body, err := json.Marshal(value()); err == nil {
					_ = msg.Respond(body) // if the connection is down, the caller retries
				}
			})
			if err != nil {
				return err
			}
			m.subs = append(m.subs, sub)
		}
	}
	return nil
}

// stop stops accepting requests. Requests that have already arrived are still handled.
func (m *microService) stop() error {
	var errs []error
	for _, sub := range m.subs {
		errs = append(errs, sub.Drain())
	}
	return errors.Join(errs...)
}
