// Package follower replicates published data to the database of a follower: it applies
// the streams of orders, results and alerts in order. A process that becomes the leader first applies them to
// their ends, so that revisions and event ids continue from there.
//
// It owns reading the streams and measuring the lag of this process. Messages are applied by
// package db. Start reading at
// [Follower.Run].
package follower
