package main

import (
	"strconv"
	"time"

	"roomrelay/bench/internal/sink"
	"roomrelay/bench/internal/traffic"
)

func answersAfter(d time.Duration) sink.Config { return sink.Config{Latency: d} }

const roundTrip = 20 * time.Millisecond

// quota is calls a second: the worker's default, a tenth below what the API allows.
const quota = 90

// thousand is a backlog of as many messages in 1,000 rooms on 8 partitions.
func thousand(messages int) traffic.Shape {
	return traffic.Shape{Messages: messages, Rooms: 1000, Partitions: 8}
}

// half is half of what 64 slots and a round trip of 20 ms allow, in messages a second.
const half = 16_000

// Rivals that several scenarios have.
var (
	bare      = rival{kind: posts, label: "(a) bare client", by: []metric{perSecond}}
	bareByCPU = rival{kind: posts, label: "(a) bare client", by: []metric{perSecond, cpu}}
	fetchOnly = rival{kind: reading, label: "(b) fetch alone", by: []metric{perSecond}}
	firstTry  = rival{kind: baseline, label: "baseline loop", by: []metric{perSecond}, once: true}
	oneWorker = rival{kind: worker, label: "one worker", by: []metric{perSecond}, change: func(s *scenario) {
		// As many messages a room as the others have: else its last calls would be less full.
		s.shape.Messages /= s.workers
		s.shape.Rooms /= s.workers
		s.workers = 1
	}}
	healthy = rival{kind: worker, label: "room healthy", by: []metric{perSecond, waitP99}, change: func(s *scenario) { s.endpoint.BusyRoom = 0 }}
)

// scenarios are all there are, in the order in which they are played.
var scenarios = []scenario{
	{
		name: "0ms", about: "endpoint answers at once; 1,000 rooms, 8 partitions",
		shape: thousand(400_000), apart: true,
		against: []rival{bareByCPU, fetchOnly, firstTry},
		aims:    []aim{atLeast(perCall, 9.9), atMost(cpu, 3).of(posts), atLeast(perSecond, 100_000)},
	},
	{
		name: "5ms", about: "endpoint answers after 5 ms",
		shape: thousand(300_000), endpoint: answersAfter(5 * time.Millisecond), apart: true,
		against: []rival{bareByCPU},
	},
	{
		name: "20ms", about: "endpoint answers after 20 ms; order by sender",
		shape: thousand(100_000), endpoint: answersAfter(roundTrip),
		against: []rival{bareByCPU, firstTry},
		aims:    []aim{atLeast(perSecond, 0.95).of(posts)},
	},
	{
		name: "20ms-room", about: "the same, order by room",
		shape: thousand(100_000), endpoint: answersAfter(roundTrip), settings: map[string]string{"ordering": "room"},
		against: []rival{bare},
		aims:    []aim{atLeast(perSecond, 0.95).of(posts)},
	},
	{
		name: "200ms", about: "endpoint answers after 200 ms; 512 in flight",
		shape: thousand(100_000), endpoint: answersAfter(200 * time.Millisecond), inFlight: 512,
		against: []rival{bare},
		aims:    []aim{atLeast(perSecond, 0.95).of(posts)},
	},
	{
		name: "1-room", about: "one room with 200 senders, 20 ms",
		shape: traffic.Shape{Messages: 100_000, Rooms: 1, Senders: 200}, endpoint: answersAfter(roundTrip),
		against: []rival{bare},
	},
	{
		name: "100k-rooms", about: "100,000 rooms active at once, two messages each",
		shape: traffic.Shape{Messages: 200_000, Rooms: 100_000, Partitions: 8}, apart: true, once: true,
		// Two messages of 125 bytes with key and value for each room are 25 MB.
		aims: []aim{atMost(peak, 100+2*25)},
	},
	{
		name: "steady", about: "16,000 messages/s evenly, half of what (a) takes; 100 rooms, 20 ms",
		shape: traffic.Shape{Messages: 4 * half, Rooms: 100, Drawn: true, Partitions: 8, Rate: half}, endpoint: answersAfter(roundTrip),
		aims: []aim{atMost(lateP99, 5)},
	},
	{
		name: "hot-below", about: "80 % in one lane, which can carry it; figures of the quiet rooms",
		shape: traffic.Shape{Messages: 3000, Rooms: 100, Drawn: true, Partitions: 8, Rate: 500, Hot: 0.8}, endpoint: answersAfter(roundTrip), aside: true,
		aims: []aim{atMost(lateP99, 2*ms(roundTrip))},
	},
	{
		name: "hot-above", about: "the same, more than the lane can carry",
		shape: traffic.Shape{Messages: 6000, Rooms: 100, Drawn: true, Partitions: 8, Rate: 1000, Hot: 0.8}, endpoint: answersAfter(roundTrip), aside: true,
		aims: []aim{atMost(lateP99, 2*ms(roundTrip))},
	},
	{
		name: "trouble", about: "a room (10 % of messages, 200 senders) answers 503; the others' figures",
		shape:    traffic.Shape{Messages: 6 * half, Rooms: 91, Drawn: true, Partitions: 8, Rate: half, Hot: 0.1, HotSenders: 200},
		endpoint: sink.Config{Latency: roundTrip, BusyRoom: traffic.HotRoom}, aside: true, abrupt: true,
		settings: map[string]string{"give-up-after": "2s", "retry-initial": "50ms", "retry-max": "1s"},
		against:  []rival{healthy},
		aims:     []aim{atLeast(perSecond, 0.98).of(worker), atMost(waitP99, 1/0.98).of(worker), atMost(elsewhere, 0)},
	},
	{
		name: "refused", about: "every message is refused: letters as fast as the broker takes them",
		shape: thousand(200_000), endpoint: sink.Config{Refuse: true}, letters: true, apart: true,
		against: []rival{{kind: appends, label: "bare producer", by: []metric{letterRate}}},
	},
	{
		name: "undecodable", about: "one message of ten can't be decoded, 20 ms",
		// With 1,000 rooms in turn it would always be the same rooms that have the bad ones.
		shape:    traffic.Shape{Messages: 100_000, Rooms: 999, Partitions: 8, Bad: 0.1},
		endpoint: answersAfter(roundTrip), letters: true,
		against: []rival{bare},
	},
	{
		name: "1-partition", about: "all rooms on one partition, 20 ms",
		shape: traffic.Shape{Messages: 100_000, Rooms: 1000, Partitions: 1}, endpoint: answersAfter(roundTrip),
		against: []rival{bare},
	},
	{
		name: "64-partitions", about: "64 partitions, 20 ms",
		shape: traffic.Shape{Messages: 100_000, Rooms: 1000, Partitions: 64}, endpoint: answersAfter(roundTrip),
		against: []rival{bare},
	},
	{
		name: "2-workers", about: "two workers with 16 in flight each, 20 ms",
		shape: thousand(48_000), endpoint: answersAfter(roundTrip), workers: 2, inFlight: 16, late: true,
		against: []rival{oneWorker},
		aims:    []aim{atLeast(perSecond, 1.9).of(worker)},
	},
	{
		name: "4-workers", about: "four workers with 16 in flight each, 20 ms",
		shape: thousand(96_000), endpoint: answersAfter(roundTrip), workers: 4, inFlight: 16, late: true,
		against: []rival{oneWorker},
		aims:    []aim{atLeast(perSecond, 3.8).of(worker)},
	},
	{
		name: "chat", about: "recorded chat (--chat), its busiest hour at 200 times the speed, quota 90",
		shape: traffic.Shape{Chat: "-", Speed: 200, Partitions: 8}, endpoint: answersAfter(roundTrip), settings: map[string]string{"rate": strconv.Itoa(quota)}, once: true,
		against: []rival{{kind: oracle, label: "(c) oracle", by: []metric{calls, waitP50, waitP99}}},
		aims:    []aim{atMost(calls, 1.05).of(oracle), atMost(waitP50, 1.05).of(oracle), atMost(waitP99, 1.05).of(oracle), atMost(busiest, 100)},
	},
	{
		name: "backlog", about: "a backlog of 1,000,000, endpoint at once",
		shape: thousand(1_000_000), apart: true, once: true,
	},
	{
		name: "1m-rooms", about: "1,000,000 rooms seen once: memory as that of backlog",
		shape: traffic.Shape{Messages: 1_000_000, Rooms: 1_000_000, Partitions: 8}, apart: true, once: true, extra: true,
		against: []rival{{kind: worker, label: "1,000 rooms", by: []metric{peak}, change: func(s *scenario) { s.shape.Rooms = 1000 }}},
	},
}
