// Package sender speaks with the API: it signs and encodes requests, reads answers however they are
// shaped, judges them message by message, and decides when to call again, when not to, and when to give up.
//
// It promises that a message which may have reached the API goes again only with resendFlag 1 (but for
// the two cases in which the API itself says that it never had it), that an attempt without an answer is
// not repeated before its request time-out has passed, that no sliding second has more calls than the
// rate, that no call begins within the penalty of a 416, that an outage, wrong credentials or a wrong URL
// never end in a refusal, and that the app secret appears in no error, log or metric.
//
// It doesn't order, group or buffer events, write letters, or know about Kafka. But for Attempt, which is
// safe for concurrent use, a Sender belongs to one goroutine and is told the time.
package sender
