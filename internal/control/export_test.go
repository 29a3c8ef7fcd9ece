package control

import "context"

// Post puts any question to a bridge, and returns its refusal.
func Post(ctx context.Context, dir, path string, question any) error {
	body, err := call[any, done](path).post(ctx, dir, question)
	if err != nil {
		return err
	}
	return body.Close()
}
