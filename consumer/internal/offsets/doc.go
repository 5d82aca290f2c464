// Package offsets tracks one assignment of one partition: what was handed out, what may have reached the
// API, what is settled, and what the next commit says about it.
//
// It promises that no commit passes an unsettled event; that Limit never allows an event to be sent which
// no acknowledged commit has announced; that the next owner finds every event that may have been sent
// either settled or below sentTo; and that its memory is bounded by what is unsettled, not by how far the
// settling runs ahead of the watermark.
//
// It is pure: no Kafka, and no clock but the instants it is told. It isn't safe for concurrent use; the
// claim's lock guards it. It doesn't send a commit, nor know when one is worth a request: the claim does.
//
// The life of a commit: Commit makes it and notes it as under way; then exactly one of Acked, Refused,
// TooLarge, Undecided and Unanswered tells what became of it, and only then may Commit be called again.
//
// The rules' names in brackets, like [Inherit], are those of the executable model of delivery.
package offsets
