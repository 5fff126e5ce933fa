package notifier // an inside test: it asks each service of shoutrrr whether it has titles

import (
	"testing"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
)

// A parameter that a service does not have is an error of the message.
func TestEveryServiceSaysWhetherItHasTitles(t *testing.T) {
	with := 0
	for _, name := range Services() {
		service, err := (&router.ServiceRouter{}).NewService(name)
		if err != nil {
			t.Fatal(err)
		}
		if hasTitle(service) {
			with++
		}
	}
	if with < 10 || with == len(Services()) {
		t.Errorf("got %d of %d services with titles", with, len(Services()))
	}
}
