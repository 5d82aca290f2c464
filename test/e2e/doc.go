// Package e2e runs the built programs against real Kafka and holds what came of every event against what was
// published. Its tests need the build tag e2e and a Docker engine, or a cluster that runs already:
//
//	ROOMRELAY_TEST_KAFKA_IMAGE  image of the brokers; default: the official one of the version below
//	ROOMRELAY_TEST_KCAT         command of librdkafka's kcat; default: the one on the PATH, or else one in a container
//	ROOMRELAY_TEST_BROKERS      addresses of a cluster to use instead; tests that break brokers are skipped
//	ROOMRELAY_TEST_KEEP         folder in which the logs of workers and brokers are kept; default: one that is removed
//
// It promises that nothing is faked between the worker and Kafka: the worker under test is the built program as a
// process of its own, and so is the simulator of the API. What was published is read back from the topic,
// letters are read from their topic, and what rooms were shown comes from the simulator: nothing is
// believed that a worker says of itself. Containers bear the label of their run; they are removed at its end, when it
// is interrupted, and before the next one.
//
// It doesn't promise to find what takes a particular instant to happen: that is what simulated worlds are for.
package e2e
