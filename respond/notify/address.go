package notify

import (
	"errors"
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// slackPlace is a conversation or a person of Slack, by its id.
var slackPlace = regexp.MustCompile(`^[CDGUW][A-Z0-9]{5,30}$`)

// CheckAddress returns an address of a channel as it is to be kept, or an error
// that says how it must be written. That somebody is there is shown by a code,
// not here.
func CheckAddress(c respond.Channel, address string) (string, error) {
	address = strings.TrimSpace(address)
	switch c {
	case respond.Email:
		to, err := mail.ParseAddress(address)
		if err != nil || !ascii(to.Address) || strings.ContainsAny(to.Address, "\r\n") {
			return "", errors.New("this is no e-mail address such as ana@example.org")
		}
		return to.Address, nil
	case respond.SMS, respond.Voice:
		number := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "", "\u00a0", "").Replace(address)
		if rest, ok := strings.CutPrefix(number, "00"); ok {
			number = "+" + rest
		}
		if !e164.MatchString(number) {
			return "", errors.New("this is no number with its country, such as +49 30 123456")
		}
		return number, nil
	case respond.Slack:
		if !slackPlace.MatchString(address) {
			return "", errors.New("this is no id of a person or conversation in Slack, such as U024BE7LH or C024BE91L; their profile or its details show it")
		}
		return address, nil
	case respond.Ntfy:
		if !ntfyTopic.MatchString(address) {
			return "", errors.New("this is no topic of ntfy: up to 64 letters, digits, - and _")
		}
		return address, nil
	case respond.Telegram:
		if !telegramChat.MatchString(address) {
			return "", errors.New("this is no chat of Telegram: a number, or @ and a channel's name")
		}
		return address, nil
	case respond.Webhook:
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
			return "", errors.New("this is no URL that begins with https:// or http://, without a password in it")
		}
		return u.String(), nil
	}
	// These find their place by a secret; the address tells people which it is.
	if address = oneLine(address); address == "" || len(address) > 200 {
		return "", errors.New("write what it is in up to 200 letters, such as #ops in Teams")
	}
	return address, nil
}
