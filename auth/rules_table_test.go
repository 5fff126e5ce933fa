package auth_test

// rules are all that the specifications of OAuth 2.0 demand of a client like this one,
// as far as a test can show it.
var rules = []rule{
	{"R1", "RFC 6749 section 2.3.1", "Basic is form-encoded before base64, or raw where a server has it so", []string{"TestTokenRequestsByteForByte", "auth/stricttest: TestBasicIsFormEncodedOrRawAsTheServerHasIt"}, ""},
	{"R2", "RFC 6749 section 2.3", "a request has one client authentication", []string{"TestTokenRequestsByteForByte", "TestMazdasTokenRequestsByteForByte", "TestCredentialsGoWhereTheyBelong", "TestIntrospectionRequestsByteForByte", "TestRevocationRequestsByteForByte"}, ""},
	{"R3", "RFC 6749 section 2.3.1", "no secret stands in a URL", []string{"TestTokenRequestsByteForByte"}, ""},
	{"R4", "RFC 6749 section 3.2", "token requests are POST, over TLS or to this machine, and no parameter comes twice", []string{"TestTokenRequestsByteForByte", "TestTheAuthorizationURLByteForByte", "TestWhatAConfigurationMustHave", "TestAnswersThatAreNone"}, ""},
	{"R5", "RFC 6749 sections 5.1 and 3.1", "unknown members are ignored, an absent token is a failure whatever the status", []string{"TestAnswersThatGrantAToken", "TestAnswersThatDoNot", "TestParametersThatNobodyKnowsAreIgnored"}, ""},
	{"R6", "RFC 6749 sections 5.1 and 7.1", "a token's type has no case; a token of a type that is not understood is not used", []string{"TestAnswersThatGrantAToken", "TestAnswersThatDoNot"}, ""},
	{"R7", "RFC 6749 section 5.1", "a life that is not told is the documented one, and marked as a guess", []string{"TestAnswersThatGrantAToken", "TestAConfiguredLifeStandsInForOneThatIsNotTold"}, ""},
	{"R8", "RFC 6749 section 5.2", "the code counts and not the status, also in a success", []string{"TestAnswersThatDoNot", "TestWhatARefusalIsAbout"}, ""},
	{"R9", "RFC 6749 section 6", "a new refresh token replaces the old one, without one the old one stays; no further scope is asked for", []string{"TestWhatBecomesOfARefreshToken", "TestARefreshTokenThatDoesNotComeStays", "TestMazdasTokenRequestsByteForByte"}, ""},
	{"R10", "RFC 6749 section 4.1.3", "the redirect URI is the same in both requests, byte for byte; a code is sent once", []string{"TestAnExchangeProvesWhoBegan", "TestMazdasTokenRequestsByteForByte", "TestACodeIsSentOnceWhateverBecomesOfIt", "TestACodeIsNotSentAgainWhenNoAnswerComesInTime", "TestACodeIsNotSentAgainWhenItWasNeverSent", "TestAConsentIsGoodOnceForTenMinutesAndItsSource", "cmd/orderbeat: TestConsentsThatComeToNothing"}, ""},
	{"R11", "RFC 6749 section 4.1.2.1", "a redirect's errors are told apart; a denial is final", []string{"TestRedirectsThatFail", "TestADenialIsFinal", "TestADenialTakesNothingAway", "cmd/orderbeat: TestConsentsThatComeToNothing"}, ""},
	{"R12", "RFC 6749 section 10.12", "a state is random, a user's own, good once and for ten minutes", []string{"TestAnExchangeProvesWhoBegan", "TestWhichAnswersAreTaken", "TestAStateIsOneUsersOwn", "TestAnAnswerIsTakenOnceHoweverManyCome", "cmd/orderbeat: TestConsentsThatComeToNothing"}, "that states are compared in constant time is read in Consents.take"},
	{"R13", "RFC 6749 sections 10.3 and 10.4", "secrets are in no log, error, status or message, and sealed at rest", []string{"TestASecretIsPrintedByNoVerb", "TestNothingSecretLeaks", "TestALiveTokenIsInNoStatusAndNoLog", "TestErrorsOfConsentsTellNoSecret", "TestIntrospectionChangesNothing", "TestTheInnerStoreLearnsNothing", "db: TestARefreshTokenIsNotWrittenInTheClear", "worker: TestCredentialsAreTold", "worker: TestMetricsTellOfEveryCredential", "clients: TestNothingIsLoggedThatIsSecret", "cmd/orderbeat: TestNoSecretIsToldAnywhere"}, ""},
	{"R14", "RFC 6749 section 4.4.3", "a client has no use for a refresh token", []string{"TestAClientsRefreshTokenIsNeitherKeptNorSent"}, ""},

	{"R20", "RFC 6750 sections 2.1 and 2.3", "a token stands in the header Authorization alone", []string{"TestATokenGoesIntoTheHeaderAlone", "TestARefreshTokenIsNeverSentToTheAPI"}, ""},
	{"R21", "RFC 6750 section 3.1", "a 401 asks for a token and is sent once more, a 403 is not", []string{"TestWhichRefusalsAskForAToken", "TestACallRefusedWithItsTokenIsSentOnceMore", "TestOtherStatusesAreNotTouched", "TestABodyThatCannotBeSentAgainIsNot"}, ""},
	{"R22", "RFC 6750 section 3.1", "a new token that is refused too stays, and a rest begins", []string{"TestAFreshTokenThatIsRefusedStartsACooldown", "TestTheSameTokenAgainIsNoLoop", "TestOneRefusedAccountDoesNotTakeTheTokenFromOthers"}, ""},
	{"R23", "RFC 6750 section 2.1", "an exclamation mark is a token's, a blank or a control character is not", []string{"TestAnswersThatGrantAToken", "TestAnswersThatDoNot"}, ""},
	{"R24", "RFC 6750 section 5.3", "a token goes to its own scheme, host and port alone", []string{"TestARedirectTakesNoTokenElsewhere", "TestCredentialsStayAtTheirOrigin"}, ""},

	{"R30", "RFC 7009 sections 2.1 and 2.2", "a revocation names the token and its kind; any 200 is one", []string{"TestRevocationRequestsByteForByte", "TestWhatRevocationAnswers"}, ""},
	{"R31", "RFC 7009 section 2.2.1", "after a 503 the token lives, and a refusal is not sent again", []string{"TestWhatRevocationAnswers", "TestWhenToTryARevocationAgain"}, ""},
	{"R32", "RFC 7009 section 2.1", "the refresh token goes first, and ours are dropped in any case", []string{"TestRevocationRequestsByteForByte", "TestALogoutThatGetsNoAnswerDropsTheTokens", "TestALogoutWithoutARevocationEndpointIsOurs", "TestALogoutEndsATokenThatWasNotStored", "TestALogoutEndsAGrantThatWasNotStored"}, ""},

	{"R40", "RFC 7662 section 2.1", "introspection proves the client; its 401 tells nothing of the token", []string{"TestIntrospectionRequestsByteForByte", "TestIntrospectionChangesNothing"}, ""},
	{"R41", "RFC 7662 section 2.2", "only a boolean says active; the end is in seconds, or absent, or text", []string{"TestWhatIntrospectionTells"}, ""},
	{"R42", "RFC 7662 section 4", "what it says makes no token live longer, and none end", []string{"TestIntrospectionChangesNothing"}, ""},
	{"R43", "RFC 7662 section 4", "no call fails because of it", []string{"TestIntrospectionChangesNothing"}, ""},

	{"R50", "RFC 7636 sections 4.1 and 4.2", "a verifier is 32 random bytes, new each time, and its challenge S256", []string{"TestAnExchangeProvesWhoBegan", "TestTheAuthorizationURLByteForByte", "TestAServerThatChecksEverythingIsContent", "TestACodeOfAnotherConsentIsRefused"}, ""},
	{"R51", "RFC 7636 section 5", "PKCE is used unless it is switched off", []string{"TestTheAuthorizationURLByteForByte", "TestMazdasTokenRequestsByteForByte", "clients/declared: TestConsentAsksForWhatIsConfigured"}, ""},

	{"R60", "RFC 8252 sections 7.3 and 8.3", "answers come to a loopback address, unless others are let in on purpose", []string{"worker: TestWebListensOnIPv6", "worker: TestAddressesForPeople", "cmd/orderbeat/config: TestMistakes", "cmd/orderbeat/config: TestTheWebListenerMayBeForOthers", "cmd/orderbeat: TestLoginOverTLS", "cmd/orderbeat: TestLoginByPaste"}, "the listener is the worker's, and stays open: what it lets in is a state that was begun"},
	{"R61", "RFC 8252 section 8.12", "users log in in their own browser", []string{"cmd/orderbeat: TestLoginSaysWhatTheWorkerSays", "cmd/orderbeat: TestWhatIsPastedIsHandedToTheWorker", "cmd/orderbeat: TestUsersGrantAccess", "cmd/orderbeat: TestLoginOverTLS", "cmd/orderbeat: TestLoginByPaste"}, ""},

	{"R70", "RFC 9700 section 2.1", "the callback has one path for each provider, and others are not there", []string{"worker: TestConsentPagesThatLeadNowhere", "worker: TestConsentBeginsAtTheProvider"}, ""},
	{"R71", "RFC 9700 sections 2.1 and 4.4", "an answer counts at its own provider's address, and from its own server", []string{"TestWhichAnswersAreTaken", "TestWhoseAnswerItIs", "worker: TestConsentBeginsAtTheProvider", "cmd/orderbeat: TestConsentsThatComeToNothing"}, ""},
	{"R72", "RFC 9700 section 4.2.4", "the callback's page loads nothing, sends no referrer and repeats no code", []string{"worker: TestEveryAnswerForbidsWhatItDoesNotNeed", "worker: TestConsentPagesThatLeadNowhere"}, ""},
	{"R73", "RFC 9700 section 2.1.1", "a client with a secret uses PKCE too", []string{"TestMazdasTokenRequestsByteForByte", "TestAServerThatChecksEverythingIsContent"}, ""},
	{"R74", "RFC 9700 section 4.14", "a refused refresh token ends the grant, unless another process was faster", []string{"TestARefusalIsNotBelievedWhenAnotherProcessWasFaster", "TestARefusedRefreshAsksAPerson", "TestAFleetSharesAGrantThatRotates", "TestAThousandRefusalsSpendOneRefreshToken"}, ""},
	{"R75", "RFC 9700 section 2.4", "no password grant", nil, "nothing here asks for a user's password, or has a place for one"},
	{"R76", "RFC 9700 section 4.12", "token, introspection and revocation endpoints redirect nobody", []string{"TestRedirectsAreNotFollowed"}, ""},
	{"R77", "RFC 9700 section 2.6", "answers come over plain http on a loopback address alone", []string{"cmd/orderbeat/config: TestMistakes", "cmd/orderbeat/config: TestTheWebListenerMayBeForOthers"}, ""},

	{"R80", "RFC 9449 sections 5 and 8", "a token that is bound to a key is not sent as a bearer token", []string{"TestAnswersThatDoNot"}, ""},

	{"R90", "RFC 8414 section 3.3", "what is discovered is the configured issuer's", nil, "nothing is discovered: each endpoint is configured, and TestWhatAConfigurationMustHave wants it https"},
	{"R91", "RFC 8414 section 2", "without a word the client authenticates with Basic", nil, "nothing is discovered: a dialect says how the client authenticates"},

	{"R95", "RFC 9207 section 2.4", "where the issuer is configured, an answer that does not name it is refused, an error too", []string{"TestWhoseAnswerItIs"}, ""},

	{"R100", "RFC 9110 section 10.2.3", "Retry-After is seconds or a date, and bounded", []string{"TestRetryAfterIsReadInBothForms", "TestAWaitBeyondReasonIsCut", "TestADateCountsFromTheAnswersOwn"}, ""},
	{"R101", "RFC 6585 section 4", "too many requests say nothing about credentials", []string{"TestTooManyRequestsIsNeverHeldAgainstTheCredentials", "TestAnswersThatDoNot"}, ""},
	{"R102", "RFC 9700 section 4.14", "a refresh whose answer was lost is sent once more at once, and then as the cooldown allows, until the server answers", []string{"TestALostAnswerIsAskedForOnceMore", "TestAGrantEndsOnlyWhenTheServerRefusesIt", "TestAfterACrashTheOneReplayIsLeft", "TestARequestThatWasNeverSentLosesNothing", "auth/stricttest: TestARefreshWhoseAnswerIsLostIsSentOnceMore", "auth/stricttest: TestAProcessIsKilledBeforeItStoresTheAnswer"}, ""},
}
