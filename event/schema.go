package event

import _ "embed"

// Schema is the event as JSON Schema 2020-12, for producers to check against before they publish. It takes
// whatever Decode takes; what it can't express, Decode alone refuses, and the schema's $comment lists that.
//
//go:embed schema.json
var Schema []byte
