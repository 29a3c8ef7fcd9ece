package hello

import "errors"

const (
	recordTypeHandshake = 22
	recordMajorVersion  = 3
	recordHeaderLen     = 5
	maxFragment         = 1 << 14 // RFC 8446, section 5.1

	// maxRecords bounds what each further byte costs. Devices that send a record a byte exist; their hellos have
	// some hundred bytes.
	maxRecords = 2048

	messageTypeClientHello = 1
	messageHeaderLen       = 4
)

// Faults of the record layer. The words are what an administrator reads.
var (
	errOtherRecord   = errors.New("another kind of record stands between the parts of the hello")
	errEmptyRecord   = errors.New("a handshake record is empty")
	errLongRecord    = errors.New("a record is longer than 16 KiB")
	errOtherMessage  = errors.New("the first handshake message is no ClientHello")
	errTooLong       = errors.New("the hello is longer than 64 KiB")
	errManyRecords   = errors.New("the hello is spread over more than 2,048 records")
	errNoMessageBody = errors.New("the hello is empty")
)

// clientHello finds the first handshake message in the records of b, which may be spread over several of them
// and end before them, and returns its body. With ErrIncomplete or a fault of the record layer the body is nil.
//
// It copies only where a complete message comes in several records, so that a caller who tries again with each
// byte that comes in pays for a walk over record headers and nothing else.
func clientHello(b []byte) (body []byte, err error) {
	need, err := messageLen(b)
	if err != nil {
		return nil, err
	}
	if first, _, _ := nextFragment(b); len(first) >= need {
		return first[messageHeaderLen:need], nil
	}
	return joinFragments(b, need)[messageHeaderLen:], nil
}

// messageLen returns the length of the handshake message that starts in b, its header included, if all of it
// is there.
func messageLen(b []byte) (int, error) {
	var header [messageHeaderLen]byte
	have, rest := 0, b
	for range maxRecords {
		fragment, next, err := nextFragment(rest)
		if have < len(header) {
			copy(header[have:], fragment)
		}
		have += len(fragment)
		need, fault := announcedLen(header, have)
		switch {
		case fault != nil:
			return 0, fault
		case need > 0 && have >= need:
			return need, nil
		case err != nil:
			return 0, orTooLong(err, len(b))
		}
		rest = next
	}
	return 0, errManyRecords
}

// announcedLen returns the length of a message by its header, of which so many bytes are known, or 0 as long as
// they are too few.
func announcedLen(header [messageHeaderLen]byte, known int) (int, error) {
	if known > 0 && header[0] != messageTypeClientHello {
		return 0, errOtherMessage
	}
	if known < len(header) {
		return 0, nil
	}
	body := int(header[1])<<16 | int(header[2])<<8 | int(header[3])
	switch {
	case body == 0:
		return 0, errNoMessageBody
	case recordHeaderLen+messageHeaderLen+body > MaxSize:
		return 0, errTooLong
	}
	return messageHeaderLen + body, nil
}

// orTooLong returns err, but where it asks for more bytes than anyone may peek.
func orTooLong(err error, peeked int) error {
	if errors.Is(err, ErrIncomplete) && peeked >= MaxSize {
		return errTooLong
	}
	return err
}

// nextFragment returns what the record at the start of b carries and what follows the record. Of a record that
// ends after b it returns the part that is there, with ErrIncomplete. A fault is told from the first byte that
// shows it.
func nextFragment(b []byte) (fragment, rest []byte, err error) {
	if len(b) >= 1 && b[0] != recordTypeHandshake || len(b) >= 2 && b[1] != recordMajorVersion {
		return nil, nil, errOtherRecord
	}
	if len(b) < recordHeaderLen {
		return nil, nil, ErrIncomplete
	}
	n := int(b[3])<<8 | int(b[4])
	switch body := b[recordHeaderLen:]; {
	case n == 0:
		return nil, nil, errEmptyRecord
	case n > maxFragment:
		return nil, nil, errLongRecord
	case n > len(body):
		return body, nil, ErrIncomplete
	default:
		return body[:n], body[n:], nil
	}
}

// joinFragments copies the first n bytes that the records of b carry, or fewer where a fault or the end of b
// comes before.
func joinFragments(b []byte, n int) []byte {
	joined := make([]byte, 0, min(n, len(b)))
	for rest := b; len(joined) < n; {
		fragment, next, err := nextFragment(rest)
		joined = append(joined, fragment[:min(len(fragment), n-len(joined))]...)
		if err != nil {
			break
		}
		rest = next
	}
	return joined
}
