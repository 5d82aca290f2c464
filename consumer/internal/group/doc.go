// Package group makes the worker a member of a consumer group, with raw requests over a kafka.Transport.
//
// It promises that heartbeats depend on nothing but the network; that the lease it answers for is never
// longer than what the coordinator grants; that a partition which stays with this member goes on through
// a rebalance (cooperative, KIP-429); and that as leader it gives no partition away that another member
// still names as its own.
//
// It doesn't fetch, and it doesn't know what a claim on a partition consists of: Claims does.
//
// It registers its own request and answer structs for JoinGroup, Heartbeat and LeaveGroup with kafka-go.
// kafka-go's stop at JoinGroup 7, send heartbeats to any broker instead of the coordinator, and take an
// error for a throttle time. The methods of kafka.Client for these three requests panic from then on;
// nothing here uses them.
package group
