package shell

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// The company and the payers of Shell's simulator. Each can also be identified by its id: "14" for the
// company, "1101" and "1102" for the payers.
const (
	ColCoCode        = 32
	PayerNumber      = "GB00000101"
	OtherPayerNumber = "GB00000102"
	// Timezone is the customers' local time.
	Timezone = "Europe/London"
)

const shellColCoID = "14"

type shellParty struct {
	number, id string
	accounts   [2]string
}

var shellPayers = []shellParty{
	{PayerNumber, "1101", [2]string{"GB00000111", "GB00000112"}},
	{OtherPayerNumber, "1102", [2]string{"GB00000121", "GB00000122"}},
}

// Accounts returns the payers' numbers.
func Accounts() []string {
	var numbers []string
	for _, p := range shellPayers {
		numbers = append(numbers, p.number)
	}
	return numbers
}

// shellAnswer is the response to an enquiry. It is an assumption that Errors is absent from a
// success, and Data from an error.
type shellAnswer struct {
	RequestID string       `json:"RequestId"`
	Status    string       `json:"Status"`
	Data      []shellCard  `json:"Data,omitzero"`
	Errors    []shellError `json:"Errors,omitempty"`
}

// shellError describes an error. The documents list no codes; these are ours.
type shellError struct {
	Code, Title, Detail string
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// OrderCardEnquiry serves the Order Card Enquiry of Shell Card Management, version 1: an order is an order for
// fuel cards. Unknown payers and companies have no orders.
func OrderCardEnquiry(m clock.Moment, w http.ResponseWriter, r *http.Request) {
	answer := shellAnswer{RequestID: r.Header.Get("RequestId"), Status: "FAILED"}
	refuse := func(status int, code, title string, err error) {
		answer.Errors = []shellError{{code, title, err.Error()}}
		wire.WriteJSON(w, status, answer)
	}
	body, err := io.ReadAll(r.Body)
	q, unreadable := readShellFilters(body)
	from, to, wrong := q.check(m.Now.In(shellZone))
	switch {
	case !uuidForm.MatchString(answer.RequestID):
		refuse(http.StatusBadRequest, "0001", "RequestId", fmt.Errorf("the header RequestId: want a UUID, got %q", answer.RequestID))
	case wire.ContentType(r) != "application/json":
		refuse(http.StatusUnsupportedMediaType, "0002", "Content-Type", errors.New("want application/json"))
	case err != nil || unreadable != nil:
		refuse(http.StatusBadRequest, "0003", "Body", errors.New("the body is not a JSON enquiry"))
	case wrong != nil:
		refuse(http.StatusBadRequest, "0004", "Filters", wrong)
	default:
		answer.Status, answer.Data = "SUCCESS", q.find(m, from, to)
		wire.WriteJSON(w, http.StatusOK, answer)
	}
}
