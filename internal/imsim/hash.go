package imsim

import "math/bits"

// The hashes are own ones since they must be the same in every run: hash/maphash has a seed a process.

// hashOf hashes text over 8 bytes a step (a multiply and a rotation); mix makes all its bits count.
func hashOf(seed uint64, text []byte) uint64 {
	const k = 0x9E3779B97F4A7C15 // 2^64 / golden ratio: odd, and bits well spread
	h := seed ^ uint64(len(text))*k
	for len(text) >= 8 {
		x := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
			uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
		h = bits.RotateLeft64((h^mix(x))*k, 29)
		text = text[8:]
	}
	var x uint64
	for i, b := range text {
		x |= uint64(b) << (8 * i)
	}
	return (h ^ mix(x)) * k
}

// mix is the finisher of splitmix64: a bijection in which every bit of x sways every bit of the result.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// unit makes a number of [0,1) of a hash.
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// dice are the chances of one call: the same for the same seed, room and count of the room's calls.
type dice uint64

func diceOf(seed uint64, room int64, turn uint64) dice {
	return dice(mix(mix(seed^mix(uint64(room))) + turn))
}

// of is the chance for one purpose, a number of [0,1).
func (d dice) of(purpose uint64) float64 { return unit(mix(uint64(d) ^ mix(purpose))) }
