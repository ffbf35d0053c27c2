// Package broadcast hands each event to every listener without ever waiting
// for one of them.
//
// A listener that does not keep up loses the oldest of its events and is told
// that it did (Lost), so that it can read the state anew instead. Nothing that
// must not be lost may rely on a broadcast alone: it is a hint to look again.
package broadcast

import "sync"

// Topic sends values of T to its listeners. The zero value is ready to use.
type Topic[T any] struct {
	mu        sync.Mutex
	listeners map[*Listener[T]]struct{}
}

// Listener receives what is sent after it was made.
type Listener[T any] struct {
	topic *Topic[T]
	ch    chan T
	lost  bool
}

// Listen adds a listener that holds up to size events. Close it after use.
func (t *Topic[T]) Listen(size int) *Listener[T] {
	l := &Listener[T]{topic: t, ch: make(chan T, size)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listeners == nil {
		t.listeners = map[*Listener[T]]struct{}{}
	}
	t.listeners[l] = struct{}{}
	return l
}

// Send hands v to every listener; it never blocks.
func (t *Topic[T]) Send(v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for l := range t.listeners {
		for {
			select {
			case l.ch <- v:
			default:
				select {
				case <-l.ch:
					l.lost = true
				default:
				}
				continue
			}
			break
		}
	}
}

// C is the listener's channel. It is never closed.
func (l *Listener[T]) C() <-chan T { return l.ch }

// Lost tells whether events were dropped since it was last asked.
func (l *Listener[T]) Lost() bool {
	l.topic.mu.Lock()
	defer l.topic.mu.Unlock()
	lost := l.lost
	l.lost = false
	return lost
}

// Close removes the listener. It may be called twice.
func (l *Listener[T]) Close() {
	l.topic.mu.Lock()
	defer l.topic.mu.Unlock()
	delete(l.topic.listeners, l)
}
