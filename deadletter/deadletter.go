// Package deadletter is what becomes of events that the API refused, or that could not be sent: letters on the
// dead-letter topic. A Writer writes them, for a worker; a Desk reads and marks them, for operators.
//
// The Writer promises that a letter is reported as written only when all in-sync replicas have acknowledged
// it; that no write begins for a partition that the worker doesn't own any more; that a letter carries its
// event's own bytes with nothing but resendFlag changed; and that a topic that can't be written holds
// letters back, never drops one. It doesn't decide what becomes a letter. A letter may be written more than
// once (an unanswered write is repeated): its identity, in its headers, is the same then.
//
// The Desk promises that records of one identity are one letter, of which the newest record counts; that a
// letter is outstanding until a mark covers it, and then on its way until its group's commits settle where it
// was published; that what it can't read it counts and passes over; that its memory is some 400 bytes a letter
// that isn't done, whatever the topic holds; and that a checkpoint, which a long reading leaves on the topic for
// the next one, changes nothing but the time that this takes. Besides checkpoints it writes only marks, and
// letters that are read in; it doesn't know what a mark is written for. A copy of a letter that comes more than
// a few thousand marks after its own one counts as outstanding again; and where two operators replay a letter
// at the same time, it counts as done once the first replay is settled.
package deadletter
