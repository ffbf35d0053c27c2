package alertmanager

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schema lists the keys of each section of alertmanager.yml, up to Alertmanager
// 0.34. A section is looked up by the names of the keys that lead to it, the
// longest way first; what has none may hold anything.
var schema = map[string]string{
	"": "global route inhibit_rules receivers templates mute_time_intervals time_intervals tracing event_recorder",
	"global": "resolve_timeout http_config jira_api_url smtp_from smtp_hello smtp_smarthost smtp_auth_username smtp_auth_password " +
		"smtp_auth_password_file smtp_auth_secret smtp_auth_secret_file smtp_auth_identity smtp_require_tls smtp_tls_config " +
		"smtp_force_implicit_tls slack_api_url slack_api_url_file slack_app_token slack_app_token_file slack_app_url pagerduty_url " +
		"opsgenie_api_url opsgenie_api_key opsgenie_api_key_file wechat_api_url wechat_api_secret wechat_api_secret_file " +
		"wechat_api_corp_id victorops_api_url victorops_api_key victorops_api_key_file telegram_api_url telegram_bot_token " +
		"telegram_bot_token_file webex_api_url rocketchat_api_url rocketchat_token rocketchat_token_file rocketchat_token_id " +
		"rocketchat_token_id_file mattermost_webhook_url mattermost_webhook_url_file",
	"route":         routeKeys,
	"routes":        routeKeys,
	"inhibit_rules": "name source_match source_match_re source_matchers target_match target_match_re target_matchers equal",
	"receivers": "name labels discord_configs email_configs incidentio_configs jira_configs mattermost_configs msteams_configs " +
		"msteamsv2_configs opsgenie_configs pagerduty_configs pushover_configs rocketchat_configs slack_configs sns_configs " +
		"telegram_configs victorops_configs webex_configs webhook_configs wechat_configs",
	"mute_time_intervals":                "name time_intervals",
	"time_intervals":                     "name time_intervals",
	"mute_time_intervals.time_intervals": intervalKeys,
	"time_intervals.time_intervals":      intervalKeys,
	"times":                              "start_time end_time",

	"email_configs": "send_resolved to from hello smarthost auth_username auth_password auth_password_file auth_secret " +
		"auth_secret_file auth_identity headers html text require_tls tls_config force_implicit_tls threading",
	"threading": "enabled thread_by_date",
	"slack_configs": "send_resolved http_config api_url api_url_file app_token app_token_file app_url channel username color title " +
		"title_link pretext text message_text fields short_fields footer fallback callback_id icon_emoji icon_url image_url " +
		"thumb_url link_names mrkdwn_in actions update_message timeout",
	"webhook_configs": "send_resolved http_config url url_file max_alerts timeout payload",
	"pagerduty_configs": "send_resolved http_config service_key service_key_file routing_key routing_key_file url client client_url " +
		"description details images links source severity class component group timeout",
	"images": "href src alt text",
	"links":  "href text",
	"opsgenie_configs": "send_resolved http_config api_key api_key_file api_url message description source details entity responders " +
		"actions tags note priority update_alerts",
	"responders": "id name username type",
	"telegram_configs": "send_resolved http_config api_url bot_token bot_token_file chat chat_id chat_id_file message_thread_id message " +
		"disable_notifications parse_mode",
	"msteams_configs":   "send_resolved http_config webhook_url webhook_url_file title summary text",
	"msteamsv2_configs": "send_resolved http_config webhook_url webhook_url_file title text",
	"discord_configs":   "send_resolved http_config webhook_url webhook_url_file content title message username avatar_url",
	"pushover_configs": "send_resolved http_config user_key user_key_file token token_file title message url url_title device sound " +
		"priority retry expire ttl html monospace",
	"victorops_configs": "send_resolved http_config api_key api_key_file api_url routing_key message_type state_message " +
		"entity_display_name monitoring_tool custom_fields",
	"sns_configs":    "send_resolved http_config api_url sigv4 topic_arn phone_number target_arn subject message attributes use_aws_http_client",
	"sigv4":          "region access_key secret_key profile role_arn external_id use_fips_sts_endpoint service",
	"webex_configs":  "send_resolved http_config api_url message room_id",
	"wechat_configs": "send_resolved http_config api_secret api_secret_file corp_id message api_url to_user to_party to_tag agent_id message_type",
	"jira_configs": "send_resolved http_config api_url api_type project summary description labels priority issue_type reopen_transition " +
		"resolve_transition wont_fix_resolution reopen_duration fields",
	"rocketchat_configs": "send_resolved http_config api_url token_id token_id_file token token_file channel color title title_link text " +
		"fields short_fields emoji icon_url image_url thumb_url link_names actions",
	"mattermost_configs": "send_resolved http_config webhook_url webhook_url_file channel username text fallback color pretext author_name " +
		"author_link author_icon title title_link fields thumb_url footer footer_icon image_url icon_url icon_emoji attachments type " +
		"props priority",
	"incidentio_configs": "send_resolved http_config url url_file alert_source_token alert_source_token_file max_alerts timeout",

	"http_config": "basic_auth authorization oauth2 bearer_token bearer_token_file tls_config follow_redirects enable_http2 http_headers " +
		proxyKeys,
	"basic_auth":    "username username_file username_ref password password_file password_ref",
	"authorization": "type credentials credentials_file credentials_ref",
	"oauth2": "client_id client_secret client_secret_file client_secret_ref client_certificate_key_id client_certificate_key " +
		"client_certificate_key_file client_certificate_key_ref grant_type signature_algorithm iss audience claims scopes token_url " +
		"endpoint_params tls_config " + proxyKeys,
	"tls_config":      tlsKeys,
	"smtp_tls_config": tlsKeys,
}

const (
	routeKeys = "receiver group_by continue match match_re matchers group_wait group_interval repeat_interval routes " +
		"mute_time_intervals active_time_intervals labels"
	intervalKeys = "times weekdays days_of_month months years location"
	tlsKeys      = "ca cert key ca_file cert_file key_file ca_ref cert_ref key_ref server_name insecure_skip_verify min_version max_version"
	proxyKeys    = "proxy_url no_proxy proxy_from_environment proxy_connect_header"
)

// open are sections that may hold anything although another of the same name
// may not.
var open = []string{"route.mute_time_intervals", "routes.mute_time_intervals", "jira_configs.fields", "event_recorder", "tracing"}

// maxNodes bounds a file, with what its aliases stand for.
const maxNodes = 200_000

// check refuses keys that there are none of, and those that are there twice.
type check struct {
	nodes int
	errs  []error
}

func (c *check) walk(n *yaml.Node, way []string) {
	c.nodes++
	if c.nodes == maxNodes {
		c.errs = append(c.errs, fmt.Errorf("line %d: the file has more than %d values", n.Line, maxNodes))
	}
	if c.nodes >= maxNodes || len(way) > 100 {
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		c.walk(n.Alias, way)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.walk(item, way)
		}
	case yaml.MappingNode:
		keys, known := section(way)
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Tag == "!!merge" {
				c.walk(value, way)
				continue
			}
			switch {
			case known && !slices.Contains(keys, key.Value):
				c.errs = append(c.errs, fmt.Errorf("line %d: unknown key %s in %s", key.Line, clip(key.Value), place(way)))
			case seen[key.Value]:
				c.errs = append(c.errs, fmt.Errorf("line %d: %s is there twice; keep one", key.Line, clip(key.Value)))
			case known:
				c.walk(value, append(slices.Clone(way), key.Value))
			}
			seen[key.Value] = true
		}
	}
}

// section finds the keys that there may be behind a way of keys.
func section(way []string) (keys []string, known bool) {
	if len(way) == 0 {
		return strings.Fields(schema[""]), true
	}
	last := way[len(way)-1]
	if slices.Contains(open, last) {
		return nil, false
	}
	if len(way) > 1 {
		two := way[len(way)-2] + "." + last
		if text, ok := schema[two]; ok {
			return strings.Fields(text), true
		}
		if slices.Contains(open, two) {
			return nil, false
		}
	}
	text, ok := schema[last]
	return strings.Fields(text), ok
}

func place(way []string) string {
	if len(way) == 0 {
		return "the file"
	}
	return strings.Join(way, ".")
}

// clip bounds what an error repeats of the file.
func clip(text string) string {
	if len(text) <= 80 {
		return text
	}
	return strings.ToValidUTF8(text[:80], "") + "..."
}
