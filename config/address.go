package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$`)
	mailForm = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	numbers  = regexp.MustCompile(`^[0-9.]+$`)
)

// localRanges are where devices of one's own network are: loopback, private (RFC 1918, RFC 4193) and link-local
// (RFC 3927, RFC 4291) addresses.
func localRanges() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("fc00::/7"),
		netip.MustParsePrefix("fe80::/10"),
	}
}

// isLocal tells whether every address of p lies in one of the local ranges.
func isLocal(p netip.Prefix) bool {
	return slices.ContainsFunc(localRanges(), func(r netip.Prefix) bool {
		return r.Bits() <= p.Bits() && r.Contains(p.Addr())
	})
}

// warnOfStrangers warns of each range that reaches further than it may; a problem names it, at its %s.
func (d *decoder) warnOfStrangers(path string, ranges []netip.Prefix, may func(netip.Prefix) bool, mend, problem string) {
	for i, p := range ranges {
		if !may(p) {
			d.warnIn(fmt.Sprintf("%s[%d]", path, i), wrong(mend, problem, p))
		}
	}
}

// prefix reads an address or a range such as 10.20.0.0/16.
func prefix(text string) (netip.Prefix, *mistake) {
	const mend = "write an address such as 10.20.3.7 or a range such as 10.20.0.0/16"
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, wrong(mend, "%s is neither an address nor a range", quoted(text))
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, wrong(mend, "%s is neither an address nor a range", quoted(text))
	case p.Addr().Is4In6():
		return netip.Prefix{}, wrong("write the range as IPv4, such as 10.20.0.0/16", "%s is an IPv4 range written as IPv6", text)
	case p != p.Masked():
		return netip.Prefix{}, wrong("write "+p.Masked().String()+" or the address alone", "%s has bits set beyond its /%d", text, p.Bits())
	}
	return p, nil
}

// macAddress reads a MAC address with colons, dashes, dots or nothing between its digits, in any case, and returns it in lower case
// with colons.
func macAddress(text string) (string, *mistake) {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		return "", wrong("write one such as 00:00:5e:00:53:01", "%s is no MAC address", quoted(text))
	}
	return mac.String(), nil
}

// listenAddress reads host:port, whose host is empty (every address), an address, or localhost.
func listenAddress(text string) (string, *mistake) {
	const mend = `write host:port, such as ":993" or "10.20.0.5:993"`
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port, 0) {
		return "", wrong(mend, "%s is no address to listen on", quoted(text))
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return "", wrong(mend, "%s is no address of this machine", quoted(host))
	}
	return text, nil
}

// dialAddress reads host:port of a server.
func dialAddress(standardPort string) func(string) (string, *mistake) {
	return func(text string) (string, *mistake) {
		host, port, err := net.SplitHostPort(text)
		switch {
		case err != nil && isHost(text):
			return "", wrong("write "+text+":"+standardPort, "%s has no port", quoted(text))
		case err != nil || !isHost(host) || !isPort(port, 1):
			return "", wrong("write host:port, such as mail.contoso.local:"+standardPort, "%s is no address of a server", quoted(text))
		}
		return text, nil
	}
}

func isPort(text string, low uint64) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n >= low
}

// isHost tells whether text is a DNS name or an IP address.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return isHostName(text)
}

func isHostName(text string) bool {
	return len(text) <= 253 && hostForm.MatchString(text) && !numbers.MatchString(text)
}

// host reads a DNS name or an IP address, as certificates carry them.
var host = textThat(isHost, "write a host name or an IP address, without port and without *", "%s is no host name")

// word reads a name of the administrator's choice that records, rules and metrics carry.
var word = textThat(nameForm.MatchString, "write 1 to 64 letters, digits, dots, dashes or underscores", "%s is no name")

// label reads the name of this instance: printable, one line.
var label = textThat(func(text string) bool {
	return text != "" && isPrintable(text) && utf8.RuneCountInString(text) <= 256
}, "write 1 to 256 printable characters", "%s is no name")

// contact reads whom to call.
var contact = sentence("IT service desk, ext. 4711")

// sentence reads what devices are told. IMAP and POP3 carry it, so it is ASCII in one line.
func sentence(such string) parser {
	return textThat(func(text string) bool { return len(text) <= 200 && isASCII(text) },
		"write one line of at most 200 printable ASCII characters, such as "+such, "%s cannot be sent to devices")
}

var mailAddress = textThat(mailForm.MatchString, "write an address such as it@contoso.com", "%s is no mail address")

func httpsURL(text string) (string, *mistake) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", wrong("write a URL that begins with https://", "this is no https address")
	}
	return text, nil
}

// path reads a file's path; relative ones start at the configuration's folder.
func (d *decoder) path(text string) (string, *mistake) {
	if text == "" || strings.ContainsRune(text, 0) {
		return "", wrong("write a path", "%s is no path", quoted(text))
	}
	return filepath.Clean(inFolder(d.folder, text)), nil
}
