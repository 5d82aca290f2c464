// Package deadletter writes letters: events that the API refused, or that could not be sent, with what
// is known of why, to the dead-letter topic.
//
// It promises that a letter is reported as written only when all in-sync replicas have acknowledged it;
// that no write begins for a partition that the worker doesn't own any more; that a letter carries its
// event's own bytes with nothing but resendFlag changed; and that a topic that can't be written holds
// letters back, never drops one.
//
// It doesn't decide what becomes a letter. A letter may be written more than once (an unanswered write is
// repeated): its identity, in its headers, is the same then.
package deadletter
