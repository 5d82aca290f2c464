// Package consumer is the Kafka side of the worker: group membership, fetching, bounded buffering, the
// tracking of offsets, and commits.
//
// It promises that a record is handed out only once an acknowledged commit says that it may be sent
// (write ahead), at most once per assignment and in the order of offsets of its partition; that no commit
// passes an unsettled record; that nothing is committed for a partition after it was given up; that
// records that an earlier owner may have sent are handed out marked as in doubt; and that what it has
// handed out and not seen settled stays within the bounds by count and by bytes.
//
// It doesn't decode, send or judge anything, and it doesn't know what settling means: the wiring tells it.
package consumer
