package respond

import (
	"context"
	"time"
)

// How often the store is looked at without a hint: often while something waits
// for its time, seldom otherwise, so that a day without alerts costs nothing.
const (
	busyPace  = time.Second
	quietPace = time.Minute
)

// Pace is how long to wait before the next Wake, unless Due says otherwise.
func (s *Service) Pace(ctx context.Context) time.Duration {
	wakes, _, err := s.store.Pending(ctx)
	return pace(wakes || err != nil)
}

func pace(busy bool) time.Duration {
	if busy {
		return busyPace
	}
	return quietPace
}
