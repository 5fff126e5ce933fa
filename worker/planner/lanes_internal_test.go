package planner // an inside test: no real request takes long to plan

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLongTaskDelaysOnlyItsLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(6, 2)
		var mu sync.Mutex
		var done []string
		run := func(lane string, n int, takes time.Duration) {
			l.run(t.Context(), lane, func() {
				time.Sleep(takes)
				mu.Lock()
				defer mu.Unlock()
				done = append(done, fmt.Sprint(lane, n))
			})
		}
		run("heavy", 1, time.Hour)
		run("heavy", 2, 0)
		for n := range 3 {
			run("light", n+1, time.Second)
		}
		so := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(done)
		}
		time.Sleep(time.Minute)
		if want := []string{"light1", "light2", "light3"}; !slices.Equal(so(), want) {
			t.Errorf("got %v, want %v while the heavy one is being done", so(), want)
		}
		if got := l.room(t.Context()); got != 4 {
			t.Errorf("got room for %d, want 4 beside the two heavy ones", got)
		}
		l.wait()
		if want := []string{"light1", "light2", "light3", "heavy1", "heavy2"}; !slices.Equal(so(), want) {
			t.Errorf("got %v, want %v: a lane keeps its order", so(), want)
		}
	})
}

func TestTasksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(4, 2)
		var mu sync.Mutex
		running, most := 0, 0
		for n := range 4 {
			l.run(t.Context(), fmt.Sprint(n), func() {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				running--
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := l.room(ctx); got != 0 {
			t.Errorf("got room for %d more, want none", got)
		}
		l.wait()
		if most != 2 {
			t.Errorf("got %d at once, want 2", most)
		}
	})
}
