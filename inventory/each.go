package inventory

import "context"

// sessionsAtOnce is how many sessions EachSession holds: a record is 8 KiB long, as a rule, and may be 64 KiB.
const sessionsAtOnce = 32

// EachSession calls do with what r.Sessions returns, few of them in memory at a time. It ends with the first error, which
// do's may be.
func EachSession(ctx context.Context, r Reader, q SessionQuery, do func(*StoredSession) error) error {
	for left := q.Limit; left > 0; left -= q.Limit {
		q.Limit = min(left, sessionsAtOnce)
		some, err := r.Sessions(ctx, q)
		if err != nil {
			return err
		}
		for i := range some {
			if err := do(&some[i]); err != nil {
				return err
			}
		}
		if len(some) < q.Limit {
			return nil
		}
		last := &some[len(some)-1]
		q.Before, q.BeforeID = last.StartedAt, last.ID
	}
	return nil
}
