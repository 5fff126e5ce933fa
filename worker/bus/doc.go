// Package bus is the connection to NATS: who logs in and how, the embedded server, the
// streams of the public contract and the names of subjects.
//
// It owns what errors of NATS mean for a configuration, and that streams exist and are as
// they should be. It knows neither jobs nor the database, nor who leads: that it asks by
// [Leadership]. Start reading at [Open]; the streams are [Streams].
package bus
