// Package fetch reads records of one partition with raw Fetch requests over a kafka.Transport, and decodes
// the record batches itself.
//
// It promises that what it returns is what was written: checksums are compared, control records and
// records of aborted transactions are left out; that the position after a read is known across compacted
// gaps and batches without a record left; that compressed batches are expanded as they are read and never
// as a whole; and that neither a hostile broker nor damaged data makes it panic or take memory beyond the
// answer's own size and the limit on a value.
//
// It doesn't retry, doesn't look for a leader again, and keeps no state between requests.
//
// It registers its own types for Fetch with kafka-go, whose types decode into memory as a whole, lose where
// a compacted batch ends, hand out aborted records, and can be made to panic by a broker. kafka.Client.Fetch
// panics from then on, by its type assertion; nothing here uses it. Reader and Conn aren't touched.
package fetch
