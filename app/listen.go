package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/evenkeel/evenkeel/config"
)

// listen opens the one address that Evenkeel serves and returns the URL under
// which a browser on this machine reaches it.
//
// Sessions and tokens cross this socket, so an address that other machines
// can reach needs TLS; serving it in the clear takes an explicit setting.
func listen(ctx context.Context, cfg config.Config) (net.Listener, string, error) {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, "", fmt.Errorf("listen: %q is not an address such as 127.0.0.1:7070", cfg.Listen)
	}
	secure := cfg.TLS.CertFile != ""
	if !secure && !cfg.AllowPlainHTTP && !isLoopback(ctx, host) {
		return nil, "", fmt.Errorf("listen: %s can be reached from other machines, and logins would cross the network in the clear; set tls.cert_file and tls.key_file, or listen on 127.0.0.1 behind a proxy that does TLS, or set allow_plain_http (--allow-plain-http) if the network itself is trusted", cfg.Listen)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, "", fmt.Errorf("listen: %s is in use, perhaps by another Evenkeel; choose another with --listen 127.0.0.1:%s", cfg.Listen, next(port))
	}
	if err != nil {
		return nil, "", fmt.Errorf("listen: %w; choose another address with --listen", err)
	}
	addr := l.Addr().(*net.TCPAddr)
	if host == "" || addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if secure {
		scheme = "https"
		cert, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile)
		if err != nil {
			l.Close()
			return nil, "", fmt.Errorf("tls: %w; check tls.cert_file and tls.key_file", err)
		}
		l = tls.NewListener(l, &tls.Config{
			Certificates: []tls.Certificate{cert},
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"h2", "http/1.1"},
		})
	}
	return l, scheme + "://" + net.JoinHostPort(host, strconv.Itoa(addr.Port)), nil
}

func isLoopback(ctx context.Context, host string) bool {
	if host == "" {
		return false
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil || len(ips) == 0 {
		return false
	}
	for _, ip := range ips {
		if !ip.IP.IsLoopback() {
			return false
		}
	}
	return true
}

func next(port string) string {
	n, err := strconv.Atoi(port)
	if err != nil || n <= 0 || n >= 65535 {
		return "7071"
	}
	return strconv.Itoa(n + 1)
}
