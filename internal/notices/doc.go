// Package notices tells people what they should know of unasked: of new, failing and quiet devices, of what is about to change or
// to end, of upstreams and a store that do not work, of a configuration that was refused.
//
// The log has every notice. By e-mail and webhook there is at most one message in a while, with all that came up, and each
// notice goes at most once by each channel: what is about to be sent is first taken out of the outbox on disk. So a crash, or a
// connection that ends before the answer, may cost a channel a message, which the log has, and never repeats one. What a channel
// certainly did not take waits for it, in a queue with a bound.
//
// What is worth a notice is found by looking at what there is now, which the store and the ledger know already, and by
// holding it against which notices were told. Nothing secret is in a notice.
//
// E-mail is sent as RFC 5321 and RFC 3207 have it; webhooks are signed by HMAC (RFC 2104) with SHA-256.
package notices
