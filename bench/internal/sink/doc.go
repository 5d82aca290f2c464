// Package sink is the API's far end for benchmarks: it answers calls as the API does, at a fraction of what the
// simulator (internal/imsim) costs, and notes which messages came when.
//
// It promises answers of the API's shape, each message's entry with all fields that the API's page has: a test
// holds them to the simulator's, byte for byte but for the time. A call's instant is that at which its first
// bytes were read. What is noted lies in memory until it is asked for, and nothing is reckoned while calls come.
//
// It speaks just enough HTTP/1.1 for clients that don't pipeline, checks no signature, keeps no quota, shows a
// message as often as it comes, and knows three reactions only: taken, refused, "server busy". So it tests
// nothing; the simulator does.
package sink
