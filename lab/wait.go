package lab

import (
	"context"
	"time"
)

// Wait lets some time pass; the context's error says that it was cut short.
func Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
