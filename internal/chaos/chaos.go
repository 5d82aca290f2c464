// Package chaos draws whole worlds from seeds, plays them, and judges them from outside: broker, API and one
// to five whole workers, settings, traffic, and faults of everything, alone and combined.
//
// It promises that a seed always draws the same plan; that nothing of a worker is stubbed; that the judge
// sees only what a user could see (what was published, every call, what rooms were shown, and what the
// broker holds of commits, members and letters); and that what it calls broken was promised.
//
// It can't promise that a seed plays the same way twice: in which order goroutines run at one instant isn't
// drawn. It proves nothing about real brokers, real clocks and real kernels.
//
// It is for tests only.
package chaos
