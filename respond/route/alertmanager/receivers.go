package alertmanager

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
)

const (
	// maxName bounds a receiver's name: ids of contacts are made of it.
	maxName = 80
	// firstWait is replaced by how often the receiver's routes repeat.
	firstWait = 4 * time.Hour
	// mostRounds is how often a policy pages again, at most.
	mostRounds = 10
)

// adopt makes contacts of one configuration of an integration. What it returns
// none for has been told of.
type adopt func(r *reader, g group, id, name string) []respond.Contact

// adopters are the integrations for which there is a channel.
var adopters = map[string]adopt{
	"slack_configs":      (*reader).slack,
	"email_configs":      (*reader).email,
	"webhook_configs":    (*reader).webhook,
	"pagerduty_configs":  (*reader).pagerDuty,
	"telegram_configs":   (*reader).telegram,
	"msteams_configs":    (*reader).teams,
	"msteamsv2_configs":  (*reader).teams,
	"discord_configs":    viaShoutrrr("Discord", "discord://TOKEN@WEBHOOK_ID"),
	"pushover_configs":   viaShoutrrr("Pushover", "pushover://:TOKEN@USER"),
	"rocketchat_configs": viaShoutrrr("Rocket.Chat", "rocketchat://HOST/TOKEN/CHANNEL"),
	"mattermost_configs": viaShoutrrr("Mattermost", "mattermost://HOST/TOKEN/CHANNEL"),
}

// carried are the keys of each integration that are carried over, or that mean
// nothing where the message is Evenkeel's own.
var carried = map[string][]string{
	"slack_configs":     {"channel", "api_url", "api_url_file", "app_token", "app_token_file"},
	"email_configs":     {"to", "from", "smarthost", "hello", "auth_username", "auth_password", "auth_password_file", "require_tls", "force_implicit_tls"},
	"webhook_configs":   {"url", "url_file"},
	"pagerduty_configs": {"routing_key", "routing_key_file", "service_key", "service_key_file", "url"},
	"telegram_configs":  {"chat", "chat_id", "bot_token", "bot_token_file", "api_url"},
	"msteams_configs":   {"webhook_url", "webhook_url_file"},
	"msteamsv2_configs": {"webhook_url", "webhook_url_file"},
}

func (r *reader) receiver(g group) {
	name := g.text("name")
	line := g.line
	if e, ok := g.keys["name"]; ok {
		line = e.line
	}
	switch _, twice := r.receivers[name]; {
	case name == "":
		r.fail(line, "a receiver has no name")
		return
	case twice:
		r.fail(line, "two receivers have the name %q", clip(name))
		return
	case len(name) > maxName:
		r.fail(line, "the receiver's name is longer than %d bytes; shorten it", maxName)
		return
	}
	p := respond.Policy{ID: name, Name: name, Rounds: mostRounds, Steps: []respond.Step{{Wait: firstWait}}}
	integrations := 0
	for _, key := range g.order {
		if key == "name" || key == "labels" {
			continue
		}
		for _, node := range g.list(key) {
			integrations++
			one := groupOf(node)
			if one.line == 0 {
				one.line = g.keys[key].line
			}
			kind := strings.TrimSuffix(key, "_configs")
			make, ok := adopters[key]
			if !ok {
				r.lost(one.line, "receiver %s: Evenkeel has no channel for %s", name, kind)
				continue
			}
			r.leftOut(key, kind, name, one)
			id := fmt.Sprintf("%s-%s-%d", name, kind, integrations)
			for _, k := range make(r, one, id, name) {
				k.Name = k.ID
				r.out.Contacts = append(r.out.Contacts, k)
				p.Steps[0].Notify = append(p.Steps[0].Notify, respond.Recipient{Kind: respond.ToChannel, ID: k.ID})
			}
		}
	}
	switch {
	case len(p.Steps[0].Notify) > 0:
		r.receivers[name] = receiver{policy: name}
		r.out.Policies = append(r.out.Policies, p)
	case integrations == 0:
		r.receivers[name] = receiver{muted: fmt.Sprintf("The receiver %s notifies nobody.", name)}
	default:
		r.receivers[name] = receiver{policy: respond.DefaultPolicy}
		r.lost(line, "receiver %s: nothing of it could be carried over; its alerts go to the policy %q", name, respond.DefaultPolicy)
		r.set(line, "the policy %q must say who is told of what the receiver %s was told of", respond.DefaultPolicy, name)
	}
}

// leftOut tells which settings of an integration are not carried over.
func (r *reader) leftOut(key, kind, name string, g group) {
	known, listed := carried[key]
	var rest []string
	for _, k := range g.order {
		switch {
		case k == "send_resolved":
			if g.text(k) == "false" && kind != "email" {
				r.lost(g.keys[k].line, "receiver %s: send_resolved: false: Evenkeel tells the end to whom it told the beginning", name)
			}
		case !listed && (strings.Contains(k, "token") || strings.Contains(k, "url") || strings.Contains(k, "key") || k == "channel"):
		case !slices.Contains(known, k):
			rest = append(rest, k)
		}
	}
	if len(rest) > 0 {
		slices.Sort(rest)
		r.lost(g.line, "receiver %s: of its %s settings, %s are not carried over; the message is Evenkeel's own", name, kind, strings.Join(rest, ", "))
	}
}

// secret gives a contact the name of a secret that must be set.
func (r *reader) secret(id string, line int, what string) string {
	variable := "EVENKEEL_" + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, id)
	for n, base := 2, variable; r.secrets[variable]; n++ {
		variable = base + "_" + strconv.Itoa(n)
	}
	r.secrets[variable] = true
	r.out.Notify.ContactSecrets = append(r.out.Notify.ContactSecrets, notify.ContactSecret{Name: id, From: "env:" + variable})
	r.set(line, "the environment variable %s: %s", variable, what)
	return id
}

func (r *reader) slack(g group, id, name string) []respond.Contact {
	if r.out.Notify.Slack == nil {
		r.out.Notify.Slack = &notify.SlackConfig{Token: "env:EVENKEEL_SLACK_TOKEN", SigningSecret: "env:EVENKEEL_SLACK_SIGNING_SECRET"}
		r.set(g.line, "the environment variable EVENKEEL_SLACK_TOKEN: the token of a Slack app with the scope chat:write; Evenkeel does not use incoming webhooks, because their messages can be neither updated nor answered")
		r.set(g.line, "the environment variable EVENKEEL_SLACK_SIGNING_SECRET: that app's signing secret, for its buttons")
	}
	channel := g.text("channel")
	if strings.Contains(channel, "{{") {
		r.lost(g.keys["channel"].line, "receiver %s: the Slack channel is a template", name)
		channel = ""
	}
	if channel == "" {
		r.set(g.line, "the address of the contact %s: which Slack channel it is", id)
		channel = "SET-THE-CHANNEL"
	}
	return []respond.Contact{{ID: id, Channel: respond.Slack, Address: channel}}
}

func (r *reader) email(g group, id, name string) (out []respond.Contact) {
	r.mailServer(g)
	for n, to := range strings.Split(g.text("to"), ",") {
		to = strings.TrimSpace(to)
		switch {
		case to == "":
			r.fail(g.line, "receiver %s: email_configs needs to", clip(name))
			continue
		case strings.Contains(to, "{{"):
			r.lost(g.keys["to"].line, "receiver %s: the address is a template", name)
			continue
		}
		one := id
		if n > 0 {
			one += "-" + strconv.Itoa(n+1)
		}
		out = append(out, respond.Contact{ID: one, Channel: respond.Email, Address: to})
	}
	return out
}

// mailServer carries over the server of the first e-mail receiver; there is one
// for all.
func (r *reader) mailServer(g group) {
	value := func(local, global string) string {
		if g.has(local) {
			return g.text(local)
		}
		return r.global.text(global)
	}
	smarthost, from := value("smarthost", "smtp_smarthost"), value("from", "smtp_from")
	host, port, err := net.SplitHostPort(smarthost)
	number, bad := strconv.Atoi(port)
	if err != nil || bad != nil || host == "" {
		r.fail(g.line, "there is no smarthost HOST:PORT for e-mail, here or in global.smtp_smarthost")
		return
	}
	if from == "" {
		r.fail(g.line, "there is no sender for e-mail, here or in global.smtp_from")
		return
	}
	c := notify.EmailConfig{Host: host, Port: number, From: from, Hello: value("hello", "smtp_hello"), User: value("auth_username", "smtp_auth_username"), Security: notify.SecurityStartTLS}
	switch {
	case value("force_implicit_tls", "smtp_force_implicit_tls") == "true", number == 465:
		c.Security = notify.SecurityTLS
	case value("require_tls", "smtp_require_tls") == "false":
		c.Security = notify.SecurityNone
	}
	if c.User != "" {
		c.Password = "env:EVENKEEL_SMTP_PASSWORD"
	}
	if was := r.out.Notify.Email; was != nil {
		if *was != c {
			r.lost(g.line, "e-mail goes through one server for all: %s, and not %s", was.Host, host)
		}
		return
	}
	r.out.Notify.Email = &c
	if c.User != "" {
		r.set(g.line, "the environment variable EVENKEEL_SMTP_PASSWORD: the password of %s at the mail server %s", c.User, host)
	}
	if c.Security == notify.SecurityNone && c.User != "" {
		r.set(g.line, "notify.email.security: require_tls was false, and Evenkeel sends no password unencrypted; use starttls or tls, or no login")
	}
}

func (r *reader) webhook(g group, id, name string) []respond.Contact {
	r.lost(g.line, "receiver %s: the webhook gets Evenkeel's JSON, which differs from Alertmanager's; see the documentation of webhooks", name)
	address := "SET-THE-URL"
	if u, err := url.Parse(g.text("url")); g.has("url") && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") && !strings.Contains(g.text("url"), "{{") {
		r.fail(g.keys["url"].line, "receiver %s: the webhook's url does not begin with http:// or https://", clip(name))
	} else if g.has("url") && err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == "" && strings.Trim(u.Path, "/") == "" && u.Host != "" {
		address = u.String()
	} else {
		// Alertmanager counts such a URL among its secrets: so do we.
		r.set(g.line, "the address of the contact %s: the webhook's URL; it may hold a secret and was not copied", id)
	}
	return []respond.Contact{{ID: id, Channel: respond.Webhook, Address: address}}
}

func (r *reader) pagerDuty(g group, id, name string) []respond.Contact {
	if g.has("service_key") || g.has("service_key_file") {
		r.lost(g.line, "receiver %s: Events API v1 (service_key); make an integration of Events API v2 in PagerDuty", name)
	}
	if at := g.text("url"); at != "" {
		r.pagerDutyURL(g.keys["url"].line, at)
	} else if at := r.global.text("pagerduty_url"); at != "" {
		r.pagerDutyURL(r.global.keys["pagerduty_url"].line, at)
	}
	return []respond.Contact{{ID: id, Channel: respond.PagerDuty, Address: "pagerduty", Secret: r.secret(id, g.line, "the integration key (Events API v2) of the PagerDuty service")}}
}

// pagerDutyURL keeps where events go; there is one place for all.
func (r *reader) pagerDutyURL(line int, at string) {
	u, err := url.Parse(at)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "":
		r.lost(line, "the URL of PagerDuty: it is no plain address")
	case r.out.Notify.PagerDuty.URL == "":
		r.out.Notify.PagerDuty.URL = u.String()
	case r.out.Notify.PagerDuty.URL != u.String():
		r.lost(line, "the URL of PagerDuty: there is one for all, and it is the first one of the file")
	}
}

func (r *reader) telegram(g group, id, _ string) []respond.Contact {
	if r.out.Notify.Telegram == nil {
		r.out.Notify.Telegram = &notify.TelegramConfig{Token: "env:EVENKEEL_TELEGRAM_TOKEN"}
		r.set(g.line, "the environment variable EVENKEEL_TELEGRAM_TOKEN: the token of the Telegram bot; there is one bot for all")
	}
	chat := g.text("chat_id")
	if chat == "" {
		chat = "SET-THE-CHAT"
		r.set(g.line, "the address of the contact %s: the id of the Telegram chat", id)
	}
	return []respond.Contact{{ID: id, Channel: respond.Telegram, Address: chat}}
}

func (r *reader) teams(g group, id, _ string) []respond.Contact {
	return []respond.Contact{{ID: id, Channel: respond.Teams, Address: "Microsoft Teams",
		Secret: r.secret(id, g.line, "the URL of a workflow of Microsoft Teams; the older connectors' URLs do not work any more")}}
}

// viaShoutrrr is an integration of the long tail.
func viaShoutrrr(service, form string) adopt {
	return func(r *reader, g group, id, _ string) []respond.Contact {
		return []respond.Contact{{ID: id, Channel: respond.Shoutrrr, Address: service,
			Secret: r.secret(id, g.line, fmt.Sprintf("where %s is to be reached, as shoutrrr writes it: %s", service, form))}}
	}
}
