package service // an inside test: it compares the handlers with the public table

import (
	"reflect"
	"testing"

	"orderbeat/worker/api"
)

func TestEveryEndpointHasItsHandler(t *testing.T) {
	handlers := (&Service{}).handlers()
	for _, e := range api.Endpoints {
		h := handlers[e.Name]
		if h.handle == nil || h.atOnce < 1 || h.request != reflect.TypeOf(e.Request) {
			t.Errorf("%s: got a handler for %v, %d at once; want one for %T", e.Name, h.request, h.atOnce, e.Request)
		}
		delete(handlers, e.Name)
	}
	for name := range handlers {
		t.Errorf("%s is not in api.Endpoints", name)
	}
}
