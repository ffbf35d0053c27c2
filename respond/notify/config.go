package notify

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// Config says which channels there are. What is nil is not set up; webhooks,
// Microsoft Teams, PagerDuty and shoutrrr need nothing but their contacts.
type Config struct {
	Slack     *SlackConfig    `yaml:"slack"`
	Email     *EmailConfig    `yaml:"email"`
	Ntfy      *NtfyConfig     `yaml:"ntfy"`
	Telegram  *TelegramConfig `yaml:"telegram"`
	Twilio    *TwilioConfig   `yaml:"twilio"` // SMS and voice
	PagerDuty PagerDutyConfig `yaml:"pagerduty"`
	Network   Network         `yaml:"network"`
	// ContactSecrets are those that contacts may use, by the name that they
	// write.
	ContactSecrets []ContactSecret `yaml:"contact_secrets"`
}

// SlackConfig is a Slack app.
type SlackConfig struct {
	Token         string `yaml:"token"`          // names the secret: the bot's token, with the scope chat:write
	SigningSecret string `yaml:"signing_secret"` // names the secret that proves that a request is Slack's; empty: no buttons' answers
	URL           string `yaml:"url"`            // of the Web API; default https://slack.com/api
	// AnswerOrigin is where Slack takes answers to a pressed button; default
	// https://hooks.slack.com.
	AnswerOrigin string `yaml:"answer_origin"`
}

func (c SlackConfig) withDefaults() SlackConfig {
	c.URL = or(c.URL, "https://slack.com/api")
	c.AnswerOrigin = or(c.AnswerOrigin, "https://hooks.slack.com")
	return c
}

// How a mail server is spoken to.
const (
	SecurityStartTLS = "starttls" // the default; a server without it is refused
	SecurityTLS      = "tls"      // from the first byte
	SecurityNone     = "none"     // a relay on this machine; no login
)

// EmailConfig is a mail server that takes letters.
type EmailConfig struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`     // default 587 for starttls, 465 for tls, 25 for none
	Security string `yaml:"security"` // starttls, tls or none
	CAFile   string `yaml:"ca_file"`  // PEM; empty: the system's authorities
	From     string `yaml:"from"`     // "Evenkeel <alerts@example.com>"
	User     string `yaml:"user"`     // empty: no login
	Password string `yaml:"password"` // names the secret
	Hello    string `yaml:"hello"`    // our name to the server; default: this machine's
}

func (c EmailConfig) withDefaults() EmailConfig {
	c.Security = or(c.Security, SecurityStartTLS)
	if c.Port == 0 {
		c.Port = map[string]int{SecurityStartTLS: 587, SecurityTLS: 465, SecurityNone: 25}[c.Security]
	}
	if c.Hello == "" {
		c.Hello = "localhost"
		if name, err := os.Hostname(); err == nil && hostName.MatchString(name) {
			c.Hello = name
		}
	}
	return c
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}$`)

// NtfyConfig is a server of ntfy.
type NtfyConfig struct {
	URL   string `yaml:"url"`   // default https://ntfy.sh
	Token string `yaml:"token"` // names the secret; empty: none
}

// TelegramConfig is a bot of Telegram.
type TelegramConfig struct {
	Token string `yaml:"token"` // names the secret
	URL   string `yaml:"url"`   // default https://api.telegram.org
}

// PagerDutyConfig is where events go.
type PagerDutyConfig struct {
	URL string `yaml:"url"` // default https://events.pagerduty.com/v2/enqueue
}

// TwilioConfig is an account of Twilio or of a service that speaks the same.
type TwilioConfig struct {
	Account string `yaml:"account"` // SID, AC...
	Token   string `yaml:"token"`   // names the secret: the account's auth token, which also signs callbacks
	From    string `yaml:"from"`    // our number (E.164), or for SMS a messaging service (MG...)
	// VoiceFrom is the number that calls; default: From.
	VoiceFrom string `yaml:"voice_from"`
	URL       string `yaml:"url"`      // default https://api.twilio.com
	Segments  int    `yaml:"segments"` // most that an SMS may cost; default 3
	// PublicURL is how Twilio reaches Evenkeel, for receipts and pressed
	// digits. Empty: no receipts, and a call cannot be answered by a digit.
	PublicURL string `yaml:"public_url"`
}

func (c TwilioConfig) withDefaults() TwilioConfig {
	c.URL = strings.TrimRight(or(c.URL, "https://api.twilio.com"), "/")
	c.VoiceFrom = or(c.VoiceFrom, c.From)
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if c.Segments == 0 {
		c.Segments = 3
	}
	return c
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Validate returns everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	wrong := func(place, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
	}
	secret := func(place, name string) {
		if err := checkSecretName(name); err != nil {
			wrong(place, "%v", err)
		}
	}
	// An address is shown in none of these: some carry passwords.
	address := func(place, text string) {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http") {
			wrong(place, "is not a URL that begins with https:// or http://, without a password in it")
		}
	}
	if s := c.Slack; s != nil {
		secret("slack.token", s.Token)
		if s.SigningSecret != "" {
			secret("slack.signing_secret", s.SigningSecret)
		}
		address("slack.url", s.URL)
		address("slack.answer_origin", s.AnswerOrigin)
	}
	if e := c.Email; e != nil {
		e.validate(secret, wrong)
	}
	if n := c.Ntfy; n != nil {
		address("ntfy.url", n.URL)
		if n.Token != "" {
			secret("ntfy.token", n.Token)
		}
	}
	if t := c.Telegram; t != nil {
		secret("telegram.token", t.Token)
		address("telegram.url", t.URL)
	}
	address("pagerduty.url", c.PagerDuty.URL)
	if t := c.Twilio; t != nil {
		if !twilioSID.MatchString(t.Account) {
			wrong("twilio.account", "is not an account's SID: AC and 32 digits and letters a to f")
		}
		secret("twilio.token", t.Token)
		if !e164.MatchString(t.From) && !strings.HasPrefix(t.From, "MG") {
			wrong("twilio.from", "%q is neither a number such as +4930123456 nor a messaging service (MG...)", t.From)
		}
		if t.VoiceFrom != "" && !e164.MatchString(t.VoiceFrom) {
			wrong("twilio.voice_from", "%q is not a number such as +4930123456", t.VoiceFrom)
		}
		if t.Segments < 0 || t.Segments > 10 {
			wrong("twilio.segments", "%d is not between 1 and 10", t.Segments)
		}
		address("twilio.url", t.URL)
		address("twilio.public_url", t.PublicURL)
	}
	seen := map[[2]string]bool{}
	for n, s := range c.ContactSecrets {
		place := fmt.Sprintf("contact_secrets[%d]", n)
		if s.Name == "" {
			wrong(place+".name", "give it a name for contacts to write")
		}
		if key := [2]string{s.Name, s.Tenant}; seen[key] {
			wrong(place+".name", "%q is there twice", s.Name)
		} else {
			seen[key] = true
		}
		secret(place+".from", s.From)
	}
	return errors.Join(errs...)
}

func (c EmailConfig) validate(secret func(place, name string), wrong func(place, format string, args ...any)) {
	if !hostName.MatchString(c.Host) {
		wrong("email.host", "%q is not the name of a mail server", c.Host)
	}
	if c.Port < 0 || c.Port > 65535 {
		wrong("email.port", "%d is no port", c.Port)
	}
	switch c.Security {
	case "", SecurityStartTLS, SecurityTLS, SecurityNone:
	default:
		wrong("email.security", "%q is not one of starttls, tls, none", c.Security)
	}
	if from, err := mail.ParseAddress(c.From); err != nil || !ascii(from.Address) {
		wrong("email.from", "%q is no address such as Evenkeel <alerts@example.com>", c.From)
	}
	if c.User != "" {
		secret("email.password", c.Password)
		if c.Security == SecurityNone {
			wrong("email.user", "a password is never sent without encryption; set email.security to starttls or tls")
		}
	}
	if c.Hello != "" && !hostName.MatchString(c.Hello) {
		wrong("email.hello", "%q is not the name of a machine", c.Hello)
	}
}

// Senders returns a sender for each channel that is set up. The configuration
// is a valid one.
func Senders(cfg Config, secrets Secrets) map[respond.Channel]respond.Sender {
	provider, contact := providerClient(), newClient(cfg.Network.dialer(), false)
	keys := vault{secrets: secrets, contacts: cfg.ContactSecrets}
	pager := cfg.PagerDuty
	pager.URL = or(pager.URL, "https://events.pagerduty.com/v2/enqueue")
	senders := map[respond.Channel]respond.Sender{
		respond.Webhook:   &webhook{client: contact, vault: keys},
		respond.Teams:     &teams{client: contact, vault: keys},
		respond.PagerDuty: &pagerDuty{client: provider, config: pager, vault: keys},
		respond.Shoutrrr:  newShoutrrr(keys),
	}
	if s := cfg.Slack; s != nil {
		senders[respond.Slack] = &slack{client: provider, config: s.withDefaults(), secrets: secrets}
	}
	if e := cfg.Email; e != nil {
		senders[respond.Email] = &email{config: e.withDefaults(), secrets: secrets}
	}
	if n := cfg.Ntfy; n != nil {
		senders[respond.Ntfy] = &ntfy{client: provider, config: NtfyConfig{URL: or(n.URL, "https://ntfy.sh"), Token: n.Token}, secrets: secrets}
	}
	if t := cfg.Telegram; t != nil {
		senders[respond.Telegram] = &telegram{client: provider, config: TelegramConfig{URL: or(t.URL, "https://api.telegram.org"), Token: t.Token}, secrets: secrets}
	}
	if t := cfg.Twilio; t != nil {
		account := twilio{client: provider, config: t.withDefaults(), secrets: secrets}
		senders[respond.SMS] = &sms{account}
		if e164.MatchString(account.config.VoiceFrom) {
			senders[respond.Voice] = &voice{account}
		}
	}
	return senders
}
