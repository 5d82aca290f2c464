package imsim

import "bytes"

// The form is read by hand and in place: net/url would make a map and two strings of every parameter,
// which took longer than all the rest of a call.

// nextPair cuts the first name=value off a form.
func nextPair(form []byte) (name, value, rest []byte) {
	pair, rest, _ := bytes.Cut(form, []byte{'&'})
	name, value, _ = bytes.Cut(pair, []byte{'='})
	return name, value, rest
}

// decode takes the percent-encoding off text, in place. false: it isn't well-formed.
func decode(text []byte) ([]byte, bool) {
	n := bytes.IndexAny(text, "%+")
	if n < 0 {
		return text, true
	}
	for i := n; i < len(text); i++ {
		switch b := text[i]; b {
		case '+':
			text[n] = ' '
		case '%':
			if i+2 >= len(text) {
				return nil, false
			}
			high, low := hexValue[text[i+1]], hexValue[text[i+2]]
			if high|low > 15 {
				return nil, false
			}
			text[n] = high<<4 | low
			i += 2
		default:
			text[n] = b
		}
		n++
	}
	return text[:n], true
}

// hexValue is the value of a hexadecimal digit; 255: it is none.
var hexValue = func() (table [256]uint8) {
	for i := range table {
		table[i] = 255
	}
	for i, digit := range "0123456789" {
		table[digit] = uint8(i)
	}
	for i := range 6 {
		table['a'+i], table['A'+i] = uint8(10+i), uint8(10+i)
	}
	return table
}()
