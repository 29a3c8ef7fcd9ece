package sandbox

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	mechanismLOGIN   = "LOGIN"
	mechanismPLAIN   = "PLAIN"
	mechanismXOAUTH2 = "XOAUTH2"
	mechanismUSER    = "USER"
)

var errMechanism = errors.New("mechanism not offered")

// parseSASL takes a client's one response, still in base64, apart: PLAIN by RFC 4616, XOAUTH2 as Microsoft documents it.
func parseSASL(mechanism, response string) (Login, error) {
	raw, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return Login{}, fmt.Errorf("decode the response: %w", err)
	}
	switch mechanism {
	case mechanismPLAIN:
		return parsePlain(string(raw))
	case mechanismXOAUTH2:
		return parseXOAUTH2(string(raw))
	}
	return Login{}, errMechanism
}

func parsePlain(raw string) (Login, error) {
	parts := strings.Split(raw, "\x00")
	if len(parts) != 3 || parts[1] == "" {
		return Login{}, errors.New("PLAIN needs three parts with a name in the second")
	}
	return Login{Mechanism: mechanismPLAIN, User: parts[1], Password: parts[2]}, nil
}

func parseXOAUTH2(raw string) (Login, error) {
	rest, isUser := strings.CutPrefix(raw, "user=")
	user, rest, isSplit := strings.Cut(rest, "\x01auth=Bearer ")
	token, isEnded := strings.CutSuffix(rest, "\x01\x01")
	if !isUser || !isSplit || !isEnded {
		return Login{}, errors.New("XOAUTH2 needs user=, auth=Bearer and two bytes 0x01 at its end")
	}
	return Login{Mechanism: mechanismXOAUTH2, User: user, Token: token}, nil
}
