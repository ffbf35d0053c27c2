package notify

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// letterOf is the pure part: the whole letter (RFC 5322) with CRLF line ends.
// Its Message-ID and boundary come from the message's id, so that every try is
// the same letter and a mailbox that has it shows it once.
func letterOf(m respond.Message, from, to mail.Address) ([]byte, error) {
	s := shapeOf(m)
	id := letterID(m.ID, from.Address)
	var out bytes.Buffer
	head := func(name, value string) { fmt.Fprintf(&out, "%s: %s\r\n", name, value) }
	head("From", from.String())
	head("To", to.String())
	head("Subject", foldWords(subject(s)))
	head("Date", m.CreatedAt.UTC().Format(time.RFC1123Z))
	head("Message-ID", id)
	if t := m.Content.Thread; t != "" && t != id && isLetterID(t) {
		head("In-Reply-To", t)
		head("References", t)
	}
	if link := m.Content.Unsubscribe; link != "" && !strings.ContainsAny(link, "\r\n <>") {
		head("List-Unsubscribe", "<"+link+">") // RFC 8058: one click ends the letters
		head("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	head("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	head("X-Auto-Response-Suppress", "All")
	if m.Kind == respond.PageMessage {
		head("Importance", "high")
		head("X-Priority", "1")
	}
	head("MIME-Version", "1.0")
	parts := multipart.NewWriter(&out)
	if err := parts.SetBoundary("evenkeel-" + base64.RawURLEncoding.EncodeToString([]byte(clipBytes(m.ID, 30)))); err != nil {
		return nil, fmt.Errorf("build the letter: %w", err)
	}
	head("Content-Type", `multipart/alternative; boundary="`+parts.Boundary()+`"`)
	out.WriteString("\r\n")
	var page bytes.Buffer
	if err := letterPage.Execute(&page, s); err != nil {
		return nil, fmt.Errorf("build the letter: %w", err)
	}
	for _, part := range []struct{ kind, text string }{{"text/plain", s.plain(true) + "\n"}, {"text/html", page.String()}} {
		w, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {part.kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
		if err != nil {
			return nil, fmt.Errorf("build the letter: %w", err)
		}
		q := quotedprintable.NewWriter(w) // lines of 76 at most
		if _, err := q.Write([]byte(strings.ReplaceAll(part.text, "\n", "\r\n"))); err != nil {
			return nil, fmt.Errorf("build the letter: %w", err)
		}
		if err := q.Close(); err != nil {
			return nil, fmt.Errorf("build the letter: %w", err)
		}
	}
	if err := parts.Close(); err != nil {
		return nil, fmt.Errorf("build the letter: %w", err)
	}
	return out.Bytes(), nil
}

// subject is the headline without its sign: gateways that make an SMS of a
// subject know letters only. What looks like an encoded word is broken up, or a
// mail program would decode it.
func subject(s shape) string {
	return strings.ReplaceAll(clip(s.Headline, 200), "=?", "= ?")
}

// letterID is the Message-ID that a message has on every try.
func letterID(id, from string) string {
	domain := "evenkeel.invalid"
	if _, d, ok := strings.Cut(from, "@"); ok && isLetterID("<x@"+d+">") {
		domain = d
	}
	safe := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, clipBytes(id, 64))
	return "<" + safe + "@" + domain + ">"
}

// isLetterID tells whether a text is one Message-ID of a harmless kind.
func isLetterID(text string) bool {
	if len(text) > 320 || !strings.HasPrefix(text, "<") || !strings.HasSuffix(text, ">") || strings.Count(text, "@") != 1 {
		return false
	}
	for _, r := range text[1 : len(text)-1] {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>"(),;:\[]`, r) {
			return false
		}
	}
	return true
}

// foldWords encodes a header's text (RFC 2047) and breaks it into lines below
// 78 letters.
func foldWords(text string) string {
	if encoded := mime.QEncoding.Encode("utf-8", text); encoded != text {
		return strings.ReplaceAll(encoded, "?= =?", "?=\r\n =?")
	}
	var out strings.Builder
	length := len("Subject: ")
	for n, word := range strings.Split(text, " ") {
		if n > 0 {
			if length+1+len(word) > 76 && word != "" {
				out.WriteString("\r\n")
				length = 0
			}
			out.WriteByte(' ')
			length++
		}
		out.WriteString(word)
		length += len(word)
	}
	return out.String()
}

// letterPage is the letter as HTML: readable in mail programs that know little,
// and with nothing that is fetched from anywhere.
var letterPage = template.Must(template.New("letter").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Headline}}</title></head>
<body style="margin:0;padding:16px;font:16px/1.5 sans-serif;color:#1c2126;background:#ffffff">
<div style="max-width:600px;border-left:6px solid {{.Colour}};padding:4px 16px">
<p style="margin:0 0 12px;font-size:20px;font-weight:bold">{{.Mark}} {{.Headline}}</p>
{{with .Text}}<p style="margin:0 0 12px;white-space:pre-wrap">{{.}}</p>
{{end}}{{with .Facts}}<p style="margin:0 0 16px;color:#54606b">{{.}}</p>
{{end}}<p style="margin:0">{{with .Ack}}<a href="{{.}}" style="display:inline-block;margin:0 8px 8px 0;padding:12px 20px;background:#1c2126;color:#ffffff;text-decoration:none;border-radius:6px">{{$.AckWord}}</a>
{{end}}{{with .Link}}<a href="{{.}}" style="display:inline-block;margin:0 8px 8px 0;padding:12px 20px;border:1px solid #1c2126;color:#1c2126;text-decoration:none;border-radius:6px">Open</a>
{{end}}</p></div>
</body></html>
`))
