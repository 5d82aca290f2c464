package event

// WithResendFlag gives the bytes of an event that Decode accepted with only its resendFlag set to 1: in
// place where there is one, or as a last member. The given bytes stay as they are. Of anything that isn't a
// JSON object it gives a copy.
func WithResendFlag(value []byte) []byte { return With(value, "resendFlag", []byte{'1'}) }
