package stricttest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/db"
)

// orders are what one process of a fleet does: it calls the API with johndoe's tokens.
type orders struct {
	TokenURL, API string
	ClientAuth    endpoint.ClientAuth
	Folder        string // of the store
	Callers       int
	Pause         time.Duration // of a caller after each call
	For           time.Duration
	Timeout       time.Duration // of a token request
	Die           moment
}

// report is what became of it.
type report struct {
	Calls  int
	Failed map[string]int // calls without an answer of 200, by what they got instead
	// Refused is how many of them were for the credentials' sake.
	Refused int
	// LastServed is when the last call was answered, since the start.
	LastServed time.Duration
	Status     auth.Status
}

func (r report) failures() (n int) {
	for _, of := range r.Failed {
		n += of
	}
	return n
}

func (o orders) carryOut() (report, error) {
	ctx := context.Background()
	store, closeStore, err := openStore(ctx, o.Folder, db.OpenTokens)
	if err != nil {
		return report{}, err
	}
	origin, err := url.Parse(o.API)
	if err != nil {
		return report{}, err
	}
	s := server{clientAuth: o.ClientAuth}
	c := s.userConfig()
	c.TokenURL, c.AuthorizeURL, c.Timeout = o.TokenURL, o.TokenURL, o.Timeout
	c.Store = deadly{store, o.Die}
	source, err := auth.NewSource(c)
	if err != nil {
		return report{}, err
	}
	if err := source.Prepare(ctx); err != nil {
		return report{}, err
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = o.Callers
	client := &http.Client{Transport: &auth.Transport{Base: base, Source: source, Origin: origin}}
	r := o.call(client)
	r.Status = source.Status()
	source.Close()
	return r, closeStore()
}

// call calls until its time is over.
func (o orders) call(client *http.Client) report {
	r := report{Failed: map[string]int{}}
	var mu sync.Mutex // guards r
	var callers sync.WaitGroup
	began := time.Now()
	for range o.Callers {
		callers.Go(func() {
			for time.Since(began) < o.For {
				err := get(client, o.API)
				mu.Lock()
				r.Calls++
				if err == nil {
					r.LastServed = time.Since(began)
				} else {
					r.Failed[err.Error()]++
					if e, ok := errors.AsType[*endpoint.Error](err); ok && e.Class == endpoint.ClassCredential {
						r.Refused++
					}
				}
				mu.Unlock()
				time.Sleep(o.Pause)
			}
		})
	}
	callers.Wait()
	return r
}

func get(client *http.Client, address string) error {
	resp, err := client.Get(address)
	if cause, ok := errors.AsType[*url.Error](err); ok {
		return cause.Err
	}
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
