// Package status has the commands that show the whole: status, alerts and providers.
//
// They read the database, and ask the running worker for what only it knows: breakers, rates and
// credentials. Start reading at [Command].
package status
