package access

import "context"

type addressKey struct{}

// WithAddress notes the client's address, so that the audit entry of what is
// done on its behalf can say where it came from.
func WithAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// AddressFrom returns what WithAddress noted, or "".
func AddressFrom(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}
