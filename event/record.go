package event

import "time"

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Record is a Kafka record as the consumer hands it out. Its slices belong to it alone.
type Record struct {
	TopicID   string // of the topic that it stands in, among those that bear the name in turn; "": brokers don't tell
	Partition int32
	Offset    int64
	// Epoch is the assignment under which the record was read. The same partition has another one
	// after it was given up and taken again, so that what is late changes nothing.
	Epoch   uint64
	Key     []byte // nil when the record has none
	Value   []byte // never nil: tombstones are not handed out
	Headers []Header
	Time    time.Time // the record's timestamp, set by the producer or the broker
	Arrived time.Time // when the worker received it; windows are measured from here
	// InDoubt says that an earlier owner of the partition may have sent the record to the API.
	InDoubt bool
	// NotBefore is the earliest instant at which a record in doubt may be sent. Zero: at once.
	NotBefore time.Time
	// Oversize is the size of a value that is larger than the whole buffer and was therefore not
	// kept (Value is then empty). 0 for every other record.
	Oversize int
	// Bytes is what the record counts against the buffer's bound.
	Bytes int
}
