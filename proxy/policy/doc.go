// Package policy decides by the rules of the configuration where a session goes. A table of rules is compiled once and
// then is a pure function of what is known of a session: it asks no clock and no network, so that what it decides can be
// explained, and recorded sessions can be decided anew.
//
// As in ssh_config each setting comes from the first matching rule that sets it.
package policy
