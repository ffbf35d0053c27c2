package alertmanager

import (
	"bytes"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/route"
)

// What of a configuration is written: what is not set stays out.
type (
	file struct {
		Respond respondPart `yaml:"respond"`
		Notify  notifyPart  `yaml:"notify,omitempty"`
	}
	respondPart struct {
		Policies       []policy      `yaml:"policies,omitempty"`
		Contacts       []contact     `yaml:"contacts,omitempty"`
		ResolveTimeout time.Duration `yaml:"resolve_timeout,omitempty"`
		route.Config   `yaml:",inline"`
	}
	policy struct {
		ID     string `yaml:"id"`
		Name   string `yaml:"name"`
		Rounds int    `yaml:"rounds"`
		Steps  []step `yaml:"steps"`
	}
	step struct {
		Wait   time.Duration `yaml:"wait"`
		Notify []recipient   `yaml:"notify"`
	}
	recipient struct {
		Kind string `yaml:"kind"`
		ID   string `yaml:"id"`
	}
	contact struct {
		ID      string `yaml:"id"`
		Name    string `yaml:"name"`
		Channel string `yaml:"channel"`
		Address string `yaml:"address"`
		Secret  string `yaml:"secret,omitempty"`
	}
	notifyPart struct {
		Slack          *slackPart      `yaml:"slack,omitempty"`
		Email          *emailPart      `yaml:"email,omitempty"`
		Telegram       *telegramPart   `yaml:"telegram,omitempty"`
		PagerDuty      *pagerDutyPart  `yaml:"pagerduty,omitempty"`
		ContactSecrets []contactSecret `yaml:"contact_secrets,omitempty"`
	}
	slackPart struct {
		Token         string `yaml:"token"`
		SigningSecret string `yaml:"signing_secret"`
	}
	emailPart struct {
		Host     string `yaml:"host"`
		Port     int    `yaml:"port"`
		Security string `yaml:"security"`
		From     string `yaml:"from"`
		User     string `yaml:"user,omitempty"`
		Password string `yaml:"password,omitempty"`
		Hello    string `yaml:"hello,omitempty"`
	}
	telegramPart struct {
		Token string `yaml:"token"`
	}
	pagerDutyPart struct {
		URL string `yaml:"url"`
	}
	contactSecret struct {
		Name string `yaml:"name"`
		From string `yaml:"from"`
	}
)

// YAML writes the import as a part of Evenkeel's configuration.
func (i *Import) YAML() ([]byte, error) {
	f := file{Respond: respondPart{Config: i.Routing, ResolveTimeout: i.ResolveTimeout}, Notify: notifyOf(i.Notify)}
	for _, p := range i.Policies {
		out := policy{ID: p.ID, Name: p.Name, Rounds: p.Rounds}
		for _, s := range p.Steps {
			st := step{Wait: s.Wait}
			for _, r := range s.Notify {
				st.Notify = append(st.Notify, recipient{string(r.Kind), r.ID})
			}
			out.Steps = append(out.Steps, st)
		}
		f.Respond.Policies = append(f.Respond.Policies, out)
	}
	for _, c := range i.Contacts {
		f.Respond.Contacts = append(f.Respond.Contacts, contact{c.ID, c.Name, string(c.Channel), c.Address, c.Secret})
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(f); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return b.Bytes(), nil
}

func notifyOf(c notify.Config) (out notifyPart) {
	if s := c.Slack; s != nil {
		out.Slack = &slackPart{s.Token, s.SigningSecret}
	}
	if e := c.Email; e != nil {
		out.Email = &emailPart{e.Host, e.Port, e.Security, e.From, e.User, e.Password, e.Hello}
	}
	if t := c.Telegram; t != nil {
		out.Telegram = &telegramPart{t.Token}
	}
	if c.PagerDuty.URL != "" {
		out.PagerDuty = &pagerDutyPart{c.PagerDuty.URL}
	}
	for _, s := range c.ContactSecrets {
		out.ContactSecrets = append(out.ContactSecrets, contactSecret{s.Name, s.From})
	}
	return out
}
