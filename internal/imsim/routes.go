package imsim

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"
)

// routes are the calls that look at and steer the simulator:
//
//	GET    /sim/messages?roomid=  what a room (without roomid: all) was shown, in order, as NDJSON
//	GET    /sim/stats             the numbers
//	GET    /sim/faults            the faults, as they were set
//	PUT    /sim/faults            faults in the place of those before
//	DELETE /sim/faults            no faults
//	POST   /sim/reset             forget messages, numbers and the quota's penalty
func (s *Sim) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /sim/messages", s.getMessages)
	m.HandleFunc("GET /sim/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Stats()) })
	m.HandleFunc("GET /sim/faults", s.getFaults)
	m.HandleFunc("PUT /sim/faults", s.putFaults)
	m.HandleFunc("DELETE /sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.SetFaults(nil)
		w.WriteHeader(http.StatusNoContent)
	})
	m.HandleFunc("POST /sim/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	return m
}

func (s *Sim) getMessages(w http.ResponseWriter, r *http.Request) {
	var room int64
	if text := r.URL.Query().Get("roomid"); text != "" {
		var err error
		if room, err = strconv.ParseInt(text, 10, 64); err != nil {
			http.Error(w, "roomid is no number", http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for m := range s.Messages(room) {
		if lines.Encode(m) != nil {
			return // the reader has gone
		}
	}
	_ = out.Flush()
}

func (s *Sim) getFaults(w http.ResponseWriter, _ *http.Request) {
	f := &Faults{}
	if p := s.plan.Load(); p != nil {
		f = p.faults
	}
	writeJSON(w, f)
}

func (s *Sim) putFaults(w http.ResponseWriter, r *http.Request) {
	f, err := ReadFaults(http.MaxBytesReader(w, r.Body, 8<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.SetFaults(f)
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(value)
}
