package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/respond"
)

// postOffice takes letters over SMTP and hands on their plain text.
func postOffice(t *testing.T) (port int, letters chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	letters = make(chan string, 20)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				say := func(line string) { fmt.Fprintf(c, "%s\r\n", line) }
				say("220 post office")
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
					case "EHLO", "HELO", "MAIL", "RCPT", "RSET", "NOOP":
						say("250 well")
					case "DATA":
						say("354 go on")
						var letter bytes.Buffer
						for {
							line, err := r.ReadString('\n')
							if err != nil {
								return
							}
							if line == ".\r\n" {
								break
							}
							letter.WriteString(strings.TrimPrefix(line, "."))
						}
						letters <- plainPart(t, letter.Bytes())
						say("250 taken")
					case "QUIT":
						say("221 bye")
						return
					default:
						say("502 what?")
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, letters
}

// plainPart is the plain text of a letter.
func plainPart(t *testing.T, letter []byte) string {
	m, err := mail.ReadMessage(bytes.NewReader(letter))
	if err != nil {
		t.Error(err)
		return ""
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Error(err)
		return ""
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// noted is a log that a test can read.
type noted struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (n *noted) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all.Write(p)
}

// A person's way from a new address to the page in their mailbox: the code, the
// test that they confirm, the page by hand, and the link that takes it up
// without a login. Neither code nor link is in the log or in what is stored.
func TestAPersonAddsAnAddressAndAnswersFromTheirMailbox(t *testing.T) {
	port, letters := postOffice(t)
	cfg, err := config.Parse([]byte(fmt.Sprintf(`
respond: {policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: person, id: admin}]}]}]}
notify: {email: {host: 127.0.0.1, port: %d, security: none, from: "Evenkeel <alerts@example.org>"}}`, port)))
	if err != nil {
		t.Fatal(err)
	}
	log := &noted{}
	a := startLogged(t, t.TempDir(), cfg, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), nil)
	letter := func() string {
		t.Helper()
		select {
		case l := <-letters:
			return l
		case <-time.After(20 * time.Second):
			t.Fatal("no letter came")
			return ""
		}
	}
	who := access.Evenkeel(access.DefaultTenant)
	kim, err := a.access.CreateUser(t.Context(), who, "kim", "", []access.Grant{{Tenant: access.DefaultTenant, Environment: access.Any, Role: access.Responder}})
	if err != nil {
		t.Fatal(err)
	}
	browser := loggedIn(t, a, "kim")
	post := func(want int, path string, form url.Values) string {
		t.Helper()
		return submit(t, browser, want, http.MethodPost, a.URL()+path, form)
	}

	post(http.StatusSeeOther, "/contacts", url.Values{"person": {kim.ID}, "channel": {"email"}, "address": {"kim@example.org"}, "name": {"mail"}})
	contacts, err := a.store.Contacts(t.Context(), access.DefaultTenant, kim.ID)
	if err != nil || len(contacts) != 1 {
		t.Fatal(contacts, err)
	}
	path := "/contacts/" + contacts[0].ID
	c, err := client.New(a.URL(), "t")
	if err != nil {
		t.Fatal(err)
	}
	// Nothing but a code goes there yet.
	if i, err := c.PagePerson(t.Context(), "kim", "Is anybody there?", "warning", ""); err != nil || i.Assignee != kim.ID {
		t.Fatal(i, err)
	}
	post(http.StatusSeeOther, path+"/code", nil)
	code := regexp.MustCompile(`\b\d{6}\b`).FindString(letter())
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	post(http.StatusUnprocessableEntity, path+"/verify", url.Values{"code": {wrong}})
	post(http.StatusSeeOther, path+"/verify", url.Values{"code": {code}})

	i, err := c.PagePerson(t.Context(), "kim", "Nobody can pay", "critical", "")
	if err != nil {
		t.Fatal(err)
	}
	page := letter()
	ack := regexp.MustCompile(`Acknowledge: (\S+)`).FindStringSubmatch(page)
	if !strings.Contains(page, "Nobody can pay") || ack == nil {
		t.Fatalf("the letter says:\n%s", page)
	}
	address, token, ok := strings.Cut(ack[1], "#")
	if !ok || !strings.HasPrefix(address, a.URL()) {
		t.Fatalf("the link is %s", ack[1])
	}
	state := func() respond.Incident {
		t.Helper()
		i, err := a.store.Incident(t.Context(), access.DefaultTenant, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	stranger := &http.Client{}
	for range 2 { // a mail scanner looks
		submit(t, stranger, http.StatusOK, http.MethodGet, address, nil)
		submit(t, stranger, http.StatusOK, http.MethodHead, address, nil)
	}
	submit(t, stranger, http.StatusConflict, http.MethodPost, address, url.Values{"secret": {token[:len(token)-2]}})
	if s := state(); s.State != respond.Triggered {
		t.Fatalf("it is %s", s.State)
	}
	// A page of another site cannot send the form.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(url.Values{"secret": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://evil.example")
	if resp, err := stranger.Do(req); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %v, %v", resp, err)
	}
	if body := submit(t, stranger, http.StatusOK, http.MethodPost, address, url.Values{"secret": {token}}); !strings.Contains(body, "You have it") {
		t.Errorf("the answer is %s", body)
	}
	if s := state(); s.State != respond.Acknowledged || s.Assignee != kim.ID {
		t.Errorf("it is %s with %s", s.State, s.Assignee)
	}

	// What is kept knows neither.
	story, err := a.respond.Get(t.Context(), who, access.DefaultTenant, i.ID)
	if err != nil {
		t.Fatal(err)
	}
	mac := strings.Split(token, ".")[2]
	ledger, err := a.store.Ledger(t.Context(), respond.LedgerFilter{Tenant: access.DefaultTenant, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var messages []respond.Message
	for after := ""; ; {
		list, err := a.store.DigestMessages(t.Context(), access.DefaultTenant, after, false, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		messages, after = append(messages, list...), list[len(list)-1].ID
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	for name, text := range map[string]string{"the log": log.all.String(), "the story": fmt.Sprintf("%+v", story), "the ledger": fmt.Sprintf("%+v", ledger), "the messages": fmt.Sprintf("%+v", messages)} {
		if strings.Contains(text, mac) || strings.Contains(text, code+" is your") {
			t.Errorf("%s holds the link or the code", name)
		}
	}
}

// loggedIn is a browser in which a person is logged in.
func loggedIn(t *testing.T, a running, name string) *http.Client {
	t.Helper()
	secret, err := a.access.NewLoginLink(t.Context(), access.Evenkeel(access.DefaultTenant), name, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	submit(t, browser, http.StatusSeeOther, http.MethodPost, a.URL()+"/login/link", url.Values{"secret": {secret}})
	return browser
}

// submit sends a form and returns what comes back.
func submit(t *testing.T, c *http.Client, want int, method, address string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil || method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s gives %d, %v: %s", method, address, resp.StatusCode, err, body)
	}
	return string(body)
}

// What the configuration names is changed there alone, and is people's again
// when it names it no more.
func TestWhatTheConfigurationNamesIsChangedThere(t *testing.T) {
	data := t.TempDir()
	const named = `
respond:
  policies: [{id: default, name: Everything, rounds: 1, steps: [{wait: 5m, notify: [{kind: person, id: admin}]}]}]
  contacts: [{id: hook, person: admin, name: hook, channel: webhook, address: "https://example.org/hook", after: 2m, quiet: {from: "22:00", to: "07:00", zone: Europe/Berlin, silent: true}}]`
	const hook = `{"name":"mine","address":"https://example.org/mine"}`
	const policy = `{"name":"Mine","rounds":3,"steps":[{"notify":[{"kind":"channel","id":"room"}],"waitMinutes":1}]}`
	send := func(a running, method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer t")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for turn, c := range []struct {
		yaml string
		code int
	}{{named, http.StatusConflict}, {named, http.StatusConflict}, {"", http.StatusOK}} {
		a := startIn(t, data, c.yaml)
		if turn == 0 {
			contacts, err := a.store.Contacts(t.Context(), access.DefaultTenant, "")
			if err != nil || len(contacts) != 1 || contacts[0].Quiet == nil || !contacts[0].Quiet.Silent {
				t.Fatalf("%+v, %v", contacts, err)
			}
			contacts[0].Reached = time.Unix(1e9, 0).UTC()
			if err := a.store.PutContact(t.Context(), contacts[0]); err != nil {
				t.Fatal(err)
			}
		}
		if code, body := send(a, http.MethodGet, "/api/v1/contacts/hook", ""); code != http.StatusOK || !strings.Contains(body, `"reached":"2001-09-09`) || strings.Contains(body, `"configured":true`) != (c.yaml != "") {
			t.Errorf("start %d: %d %s", turn+1, code, body)
		}
		if code, body := send(a, http.MethodPost, "/api/v1/contacts", `{"shared":true,"channel":"webhook","name":"room","address":"https://example.org/room"}`); turn == 0 && code != http.StatusCreated {
			t.Errorf("a room: %d %s", code, body)
		}
		if code, body := send(a, http.MethodPut, "/api/v1/contacts/hook", hook); code != c.code {
			t.Errorf("start %d: changing the contact gives %d %s", turn+1, code, body)
		}
		if code, body := send(a, http.MethodDelete, "/api/v1/policies/default", ""); code != http.StatusConflict {
			t.Errorf("start %d: deleting the policy gives %d %s", turn+1, code, body)
		}
		rooms, err := a.store.Contacts(t.Context(), access.DefaultTenant, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range rooms {
			if k.Person != "" {
				continue
			}
			if code, body := send(a, http.MethodPut, "/api/v1/policies/default", strings.Replace(policy, `"room"`, `"`+k.ID+`"`, 1)); code != c.code {
				t.Errorf("start %d: changing the policy gives %d %s", turn+1, code, body)
			}
		}
		a.stop()
	}
}
