package oauth

import "strconv"

// Explanation is what an answer of Entra ID means. Means and Mend have the placeholders of the table in codes.go.
type Explanation struct {
	Class Class
	Code  string // "AADSTS…" of the number that explained it, or of the first one
	Means string // empty where only the class is known
	Mend  string
}

// Explain classifies Entra ID's answer by its `error`, and explains it by its `error_codes`. A number never makes a
// wrong password or an ended sign-in of anything but invalid_grant (RFC 6749, section 5.2). An answer that nobody knows
// is Unavailable.
func Explain(errorClass string, codes []int) Explanation {
	byError, known := errorClasses[errorClass]
	if !known {
		byError = Unavailable
	}
	for _, code := range codes {
		row, ok := rowOf(code)
		if !ok || !fits(row.class, errorClass) {
			continue
		}
		return Explanation{Class: row.class, Code: codeName(code), Means: row.means, Mend: row.mend}
	}
	e := Explanation{Class: byError, Mend: classMends[byError]}
	if len(codes) > 0 {
		e.Code = codeName(codes[0])
	}
	return e
}

// fits reports whether a number's class may be believed beside an `error`.
func fits(c Class, errorClass string) bool {
	if c == WrongPassword {
		return errorClass == "invalid_grant"
	}
	if c == SignInAgain {
		return errorClasses[errorClass] == SignInAgain || errorClasses[errorClass] == Policy
	}
	return true
}

func rowOf(code int) (entraCode, bool) {
	for _, row := range entraCodes {
		for _, c := range row.codes {
			if c == code {
				return row, true
			}
		}
	}
	return entraCode{}, false
}

func codeName(code int) string { return "AADSTS" + strconv.Itoa(code) }
