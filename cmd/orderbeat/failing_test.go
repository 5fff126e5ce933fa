package main // an inside test: a main package cannot be imported

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// failures are the rows of README.md's "When something fails", each with the tests that
// make it happen to the whole program, or that look at a part of it more closely:
// "folder: TestName" where it is another folder's. The files failing_*_test.go switch on
// a fault at a stand-in outside of the program, and look at everything that anybody can
// see: the job, the run's result, the alert in the table and on NATS, the orders, the
// events, and how often the provider was called; while it lasts, and when it is over.
var failures = []struct {
	what  string
	tests string
}{
	{"the API answers 401", "TestARefusedTokenIsReplacedOnce TestStormOfRefusals TestRoad"},
	{"401 again with a fresh token", "TestAFreshTokenIsRefusedToo"},
	{"the token endpoint refuses the credentials", "TestRefusedCredentialsAskForNothing TestRefusedCredentialsAreTriedThreeTimes"},
	{"connections fail soon after that", "TestABlockedAddressIsLeftAlone"},
	{"a user's access is refused, or was never granted", "TestARefusedRefreshAsksTheUser TestUsersGrantAccess TestConsentsThatComeToNothing"},
	{"403", "TestOneAccountInTrouble"},
	{"other 4xx; Michelin 901, 907, 915, 920, 925, 987", "TestOneAccountInTrouble"},
	{"429", "TestAThrottledProviderIsLeftAlone TestALongRetryAfterIsWaitedFor"},
	{"408, 425, 5xx, timeout, reset, an answer cut off; Michelin 303, 304, 399, 405, 499, 999", "TestOneAccountInTrouble"},
	{"that goes on: 5 calls in a row, over 5 s at least and, where there are several accounts, about more than one of them", "TestAnOutageIsToldOf worker:TestAnOutageIsWaitedOut clients:TestABreakerOpensWhenNothingIsAnswered"},
	{"a 200 that is not the document, or too large", "TestOneAccountInTrouble"},
	{"a mapping was wrong", "TestAMappingIsPutRight"},
	{"an answer that a declared provider's jq cannot map, or a program that takes more than 10 s or too much memory", "clients/declared:TestWhatCannotBeReadIsToldWithItsPlace clients/declared:TestProgramsThatLoopOrExplodeAreStopped"},
	{"Michelin errorCode 1", "TestOneAccountInTrouble"},
	{"a provider's code panics", "worker:TestPanicIsAFailedJob jobs:TestPerformKeepsThePanicsStack"},
	{"an account is not asked with success for `fresh_for`", "worker:TestAnAccountThatNobodyAsksIsToldOf"},
	{"`retry.attempts` or `retry.for` used up", "TestOneAccountInTrouble TestADeadJobIsBroughtBack"},
	{"a person cancels a run or a job", "TestARunIsCancelled worker:TestACancelledRunStopsWhatIsInHand"},
	{"a request that cannot be understood", "worker:TestBadRequestsEndWithAResult"},
	{"NATS away", "TestNATSAwayDelaysAndLosesNothing TestNATSStopped worker:TestTheLeaseOutlivesNATSBeingAway"},
	{"a token that is kept cannot be read (`worker.key` lost, the row damaged)", "TestTokensThatCannotBeRead"},
	{"database damaged", "TestADamagedDatabaseAcknowledgesNothing"},
	{"disk full, database locked", "TestDiskFull TestNoFileMayGrow TestDatabaseLockedByAnother db:TestAFullDiskIsAnErrorToAll db:TestPingTellsOfAFullDisk db:TestPingTellsOfALockedDatabase"},
	{"the embedded NATS cannot write its store", "TestDiskFull TestNoFileMayGrow"},
	{"the process was not running when a schedule was due", "worker:TestMissedTicksAreCaughtUp worker:TestMissedDueTimesRaiseAnAlertUntilTheScheduleIsKept"},
	{"a schedule's runs fail `pause_after` times in a row", "worker:TestAScheduleWhoseRunsFailIsPaused"},
	{"the machine sleeps, or its clock is set ahead", "TestClockIsSet worker:TestDueTimesThatTheEngineNeverRanAreKnown"},
	{"the clock is set back", "TestClockIsSet worker:TestDueTimesThatComeAgainAreRun"},
	{"a second process on the same database or NATS folder", "TestSecondProgramOnTheSameDatabaseIsRefused worker:TestSecondWorkerOnTheSameFolderIsRefused"},
	{"a second process on the same NATS and prefix, with a database of its own", "TestOneOfThreeWorks worker:TestOneThatStandsByTakesOver"},
	{"the process that works died, or was not heard of for 12 s", "TestOneOfThreeWorks worker:TestOneThatStandsByTakesOver"},
	{"a process finds that another took over from it (it was suspended, or cut off from NATS)", "TestSuspendedOneStops worker:TestWhoLostTheLeaseStops"},
	{"a job that another database knows", "worker:TestAJobOfAnotherDatabaseIsEnded worker:TestJobsGoOnWithTheirDatabase"},
	{"SIGTERM", "TestASIGTERMLetsTheJobInHandFinish worker:TestStopThatTakesTooLongIsNotAFailure"},
	{"a job ends the process (out of memory, a fatal error) three times", "TestAJobThatKillsTheProcessIsDeadAfterThreeTimes"},
	{"kill -9", "TestAKillRepeatsNothing TestKilledInTheMiddle db:TestNothingAcknowledgedIsLostWhenTheProcessIsKilled"},
}

func TestEveryFailureHasItsTest(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n## When something fails\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var rows, known []string
	for line := range strings.SplitSeq(table, "\n") {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && len(cells) == 2 {
			rows = append(rows, strings.TrimPrefix(cells[0], "| "))
		}
	}
	for _, f := range failures {
		known = append(known, f.what)
		for test := range strings.FieldsSeq(f.tests) {
			folder, name, elsewhere := strings.Cut(test, ":")
			if !elsewhere {
				folder, name = "cmd/orderbeat", test
			}
			if !isTest(t, folder, name) {
				t.Errorf("%s: there is no test %s", f.what, test)
			}
		}
	}
	if diff := cmp.Diff(append([]string{"what happened"}, known...), rows); diff != "" {
		t.Errorf("rows (-with tests +in README.md):\n%s", diff)
	}
}

// isTest reports whether a folder has a test of this name.
func isTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	begins := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if begins.Match(text) {
			return true
		}
	}
	return false
}
