package control

import "context"

// Post puts any question to a bridge, and returns its refusal.
func Post(ctx context.Context, dir, path string, question any) error {
	body, err := post(ctx, dir, path, question)
	if err != nil {
		return err
	}
	return body.Close()
}
