package respond

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is what a configuration file says of responding. A policy or a contact
// that it names is stored at the start, over one of the same id.
type Config struct {
	Policies []Policy `yaml:"policies"`
	// Contacts are those that whoever writes the file vouches for: they need
	// no other proof. A person is named as they log in.
	Contacts []Contact `yaml:"contacts"`
	// StormLimit is how many pages within StormWindow reach a person one by
	// one, before the rest is told in one message.
	StormLimit  int           `yaml:"storm_limit"`
	StormWindow time.Duration `yaml:"storm_window"`
}

// Defaults are the settings where a file says nothing.
func Defaults() Config { return Config{StormLimit: 5, StormWindow: 5 * time.Minute} }

// Validate checks all of it and returns every error that it finds.
func (c Config) Validate() error {
	var errs []error
	if c.StormLimit < 1 || c.StormLimit > 1000 {
		errs = append(errs, fmt.Errorf("storm_limit: %d must be between 1 and 1000", c.StormLimit))
	}
	if c.StormWindow < time.Minute || c.StormWindow > time.Hour {
		errs = append(errs, fmt.Errorf("storm_window: %s must be between 1m and 1h", c.StormWindow))
	}
	seen := map[string]bool{}
	for _, p := range c.Policies {
		if seen[p.ID] {
			errs = append(errs, fmt.Errorf("policies: two have the id %q; keep one", p.ID))
		}
		seen[p.ID] = true
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("policies: %w", err))
		}
	}
	have := map[string]bool{}
	for _, k := range c.Contacts {
		if have[k.ID] {
			errs = append(errs, fmt.Errorf("contacts: two have the id %q; keep one", k.ID))
		}
		have[k.ID] = true
		if err := k.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("contacts: %w", err))
		}
	}
	return errors.Join(errs...)
}

// channels are all that there are.
var channels = []Channel{Email, SMS, Voice, Slack, Webhook, Ntfy, Telegram, Teams, PagerDuty, Shoutrrr}

// Validate checks what holds for a contact of any channel, as ErrInvalid.
func (k Contact) Validate() error {
	switch {
	case k.ID == "" || len(k.ID) > maxPolicyID:
		return fmt.Errorf("%w: contact %q: an id of 1 to %d bytes is needed", ErrInvalid, k.ID, maxPolicyID)
	case !slices.Contains(channels, k.Channel):
		return fmt.Errorf("%w: contact %q: channel %q is not one of %v", ErrInvalid, k.ID, k.Channel, channels)
	case k.Address == "" || len(k.Address) > 2000:
		return fmt.Errorf("%w: contact %q: an address of 1 to 2000 bytes is needed", ErrInvalid, k.ID)
	case k.After < 0 || k.After > mostWait:
		return fmt.Errorf("%w: contact %q: after %s must be between 0 and %s", ErrInvalid, k.ID, k.After, mostWait)
	}
	if k.Quiet != nil {
		if err := k.Quiet.Validate(); err != nil {
			return fmt.Errorf("contact %q: %w", k.ID, err)
		}
	}
	for _, u := range k.Urgency {
		if u != High && u != Low {
			return fmt.Errorf("%w: contact %q: urgency %q is not high or low", ErrInvalid, k.ID, u)
		}
	}
	return nil
}

// Bounds of a policy.
const (
	maxSteps, maxRounds, maxRecipients, maxPolicyID = 20, 10, 50, 100
)

// Validate checks a policy and returns every error that it finds, as ErrInvalid.
func (p Policy) Validate() error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: policy %q: %s", ErrInvalid, p.ID, fmt.Sprintf(format, args...)))
	}
	if p.ID == "" || len(p.ID) > maxPolicyID {
		add("an id of 1 to %d bytes is needed", maxPolicyID)
	}
	if len(p.Steps) == 0 || len(p.Steps) > maxSteps {
		add("1 to %d steps are needed", maxSteps)
	}
	if p.Rounds < 1 || p.Rounds > maxRounds {
		add("rounds: %d must be between 1 and %d", p.Rounds, maxRounds)
	}
	for n, s := range p.Steps {
		if len(s.Notify) == 0 {
			add("step %d notifies nobody", n+1)
		}
		if s.Wait < leastWait || s.Wait > mostWait {
			add("step %d: wait %s must be between %s and %s", n+1, s.Wait, leastWait, mostWait)
		}
		for _, why := range faults(s.Notify) {
			add("step %d: %s", n+1, why)
		}
	}
	for _, why := range faults(p.LastResort) {
		add("last_resort: %s", why)
	}
	return errors.Join(errs...)
}

func faults(list []Recipient) (out []string) {
	if len(list) > maxRecipients {
		out = append(out, fmt.Sprintf("%d recipients at most", maxRecipients))
	}
	for _, r := range list {
		if r.Kind != ToPerson && r.Kind != ToSchedule && r.Kind != ToChannel {
			out = append(out, fmt.Sprintf("recipient kind %q is not person, schedule or channel", r.Kind))
		}
		if r.ID == "" {
			out = append(out, fmt.Sprintf("a %s needs an id", r.Kind))
		}
	}
	return out
}
