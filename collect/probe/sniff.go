package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// protocol is what a listener was found to speak; empty: not known yet.
type protocol string

const (
	speaksHTTP  protocol = "http"
	speaksHTTPS protocol = "https"
	speaksTLS   protocol = "tls"
	speaksOther protocol = "other"
)

func (p protocol) probed() bool { return p == speaksHTTP || p == speaksHTTPS || p == speaksTLS }

// answer is what a listener said when it was asked.
type answer struct {
	speaks protocol
	good   bool // as its probe wants it
}

// How long to wait for a server that speaks first, and for an answer.
const (
	sniffBanner = 150 * time.Millisecond
	sniffAnswer = 1500 * time.Millisecond
)

// sniff finds out what an address on loopback speaks, with as little harm as
// can be: a server that speaks first is left alone; one that waits is offered
// TLS; if it does not take that, it is asked for "/" by HTTP on a second
// connection. Silence and failures are an error: nothing is known then.
func sniff(ctx context.Context, address string) (answer, error) {
	var d net.Dialer
	ctx, cancel := context.WithTimeout(ctx, 2*(sniffBanner+sniffAnswer))
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(sniffBanner)); err != nil {
		return answer{}, err
	}
	switch n, err := conn.Read(make([]byte, 1)); {
	case n > 0:
		return answer{speaks: speaksOther}, nil
	case !isTimeout(err):
		return answer{}, fmt.Errorf("%s: hangs up at once: %w", address, err)
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) // only to see whether it is TLS at all
	if err := conn.SetDeadline(time.Now().Add(sniffAnswer)); err != nil {
		return answer{}, err
	}
	err = secure.HandshakeContext(ctx)
	var alert *net.OpError
	switch {
	case err == nil:
		if err := conn.SetDeadline(time.Now().Add(sniffAnswer)); err != nil {
			return answer{}, err
		}
		if status, err := get(secure, address); err == nil {
			return answer{speaks: speaksHTTPS, good: status < 500}, nil
		}
		return answer{speaks: speaksTLS, good: true}, nil
	case errors.As(err, &alert) && alert.Op == "remote error":
		return answer{speaks: speaksOther}, nil // TLS that wants what we do not have
	}
	conn.Close()
	plain, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return answer{}, err
	}
	defer plain.Close()
	if err := plain.SetDeadline(time.Now().Add(sniffAnswer)); err != nil {
		return answer{}, err
	}
	status, err := get(plain, address)
	switch {
	case err == nil:
		return answer{speaks: speaksHTTP, good: status < 500}, nil
	case isTimeout(err):
		return answer{}, err
	}
	return answer{speaks: speaksOther}, nil
}

// get asks for "/" on a connection and returns the status.
func get(conn net.Conn, host string) (int, error) {
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nAccept: */*\r\nConnection: close\r\n\r\n", host, userAgent); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 64<<10)), nil)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
