package oidc

import (
	"context"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// people keeps users and sessions in memory: the database's own tests are in
// store, which this package may not import.
type people struct {
	access.Store // what a login does not need is not there

	mu       sync.Mutex
	users    map[string]access.User
	sessions map[string]access.Session
}

func newPeople() *people {
	return &people{users: map[string]access.User{}, sessions: map[string]access.Session{}}
}

func (p *people) find(match func(access.User) bool) (access.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.users {
		if match(u) {
			return u, nil
		}
	}
	return access.User{}, access.ErrNotFound
}

func (p *people) User(_ context.Context, id string) (access.User, error) {
	return p.find(func(u access.User) bool { return u.ID == id })
}

func (p *people) UserByName(_ context.Context, name string) (access.User, error) {
	return p.find(func(u access.User) bool { return u.Name == name })
}

func (p *people) UserBySubject(_ context.Context, subject string) (access.User, error) {
	return p.find(func(u access.User) bool { return u.Subject == subject })
}

func (p *people) SaveUser(_ context.Context, u access.User, _ access.Entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[u.ID] = u
	return nil
}

func (p *people) Session(_ context.Context, hash string) (access.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.sessions[hash]
	if !ok {
		return s, access.ErrNotFound
	}
	return s, nil
}

func (p *people) SaveSession(_ context.Context, s access.Session, _ access.Entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions[s.Hash] = s
	return nil
}

func (p *people) TouchSession(context.Context, string, time.Time) error { return nil }
