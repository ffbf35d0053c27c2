package probe

import (
	"fmt"
	"io"
	"strings"
)

// readSecret reads a secret from its file anew, so that a rotated one is used
// from the next round on. The line break at its end does not count.
func readSecret(setting, path string) (string, error) {
	text, err := readBounded(path, 64<<10)
	if err != nil {
		return "", unknown(ReasonSecret, "%s cannot be read: %s; check the path and its permissions", setting, err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", unknown(ReasonSecret, "%s: the file %s is empty", setting, path)
	}
	return secret, nil
}

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return text, err
}
