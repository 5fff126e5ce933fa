// Package status has the commands that give an overview: status, alerts and providers.
//
// They read the database, and request from the running worker what only it has: breakers, rates and
// credentials. Start reading at [Command].
package status
