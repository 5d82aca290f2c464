// Package figures is the arithmetic of the benchmark: what calls, in the order in which they came, say of the
// messages that were to be published.
//
// It promises plain functions of their arguments, without clock, process or file, so that each figure that is
// printed has a test. Times of publishing are those that were scheduled, not those at which a producer came to
// it: a producer that is held up doesn't hide how long a message waited.
package figures
