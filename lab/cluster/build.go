package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Version is that of Kubernetes, for the programs' own word of it.
const Version = "v1.37.2"

// programs are what is built, by the module below testbed/ that requires it.
var programs = []struct{ module, name, path string }{
	{"etcd", "etcd", "go.etcd.io/etcd/server/v3"},
	{"kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"},
	{"kubernetes", "kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
	{"kubernetes", "kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
	{"kubernetes", "kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"},
	{"kubernetes", "kubectl", "k8s.io/kubernetes/cmd/kubectl"},
}

// Programs is a folder of programs that were built.
type Programs struct{ Dir string }

// Ready returns the programs where they have been built, and false where they
// have not.
func Ready(ctx context.Context) (Programs, bool, error) {
	p, _, err := locate(ctx)
	if err != nil {
		return Programs{}, false, err
	}
	names := []string{"kwok-resources"}
	for _, x := range programs {
		names = append(names, x.name)
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(p.Dir, name)); errors.Is(err, fs.ErrNotExist) {
			return p, false, nil
		} else if err != nil {
			return p, false, err
		}
	}
	return p, true, nil
}

// Build builds what is not there yet; tell is called before each program. Two
// that build at once wait for each other.
func Build(ctx context.Context, tell func(program string)) (Programs, error) {
	p, bed, err := locate(ctx)
	if err != nil {
		return Programs{}, err
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return Programs{}, err
	}
	lock, err := os.OpenFile(filepath.Join(p.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return Programs{}, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return Programs{}, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	for _, x := range programs {
		file := filepath.Join(p.Dir, x.name)
		if _, err := os.Stat(file); err == nil {
			continue
		}
		tell(x.name)
		// Under another name first: one that was broken off is not there.
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", flags(x.module), "-o", file+".new", x.path)
		cmd.Dir = filepath.Join(bed, x.module)
		if out, err := cmd.CombinedOutput(); err != nil {
			return Programs{}, fmt.Errorf("build %s in testbed/%s: %w: %s", x.name, x.module, err, end(out))
		}
		if err := os.Rename(file+".new", file); err != nil {
			return Programs{}, err
		}
	}
	return p, resources(ctx, bed, p.Dir)
}

func flags(module string) string {
	if module != "kubernetes" {
		return "-s -w"
	}
	parts := strings.Split(strings.TrimPrefix(Version, "v"), ".")
	const at = "k8s.io/component-base/version."
	return fmt.Sprintf("-s -w -X %sgitVersion=%s -X %sgitMajor=%s -X %sgitMinor=%s", at, Version, at, parts[0], at, parts[1])
}

// locate finds the modules of the test bed, and where programs of their
// versions are kept.
func locate(ctx context.Context) (p Programs, bed string, err error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	file := strings.TrimSpace(string(root))
	if err != nil || file == "" || file == os.DevNull {
		return p, "", errors.New("the programs are built from the project's sources, which are not here: clone the repository, and run this in its folder with Go installed")
	}
	bed = filepath.Join(filepath.Dir(file), "testbed")
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH, Version)
	for _, module := range []string{"etcd", "kubernetes", "kwok"} {
		for _, name := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(filepath.Join(bed, module, name))
			if err != nil {
				return p, "", fmt.Errorf("%s is not the project's folder, or not whole; clone the repository, and run this in its folder: %w", filepath.Dir(file), err)
			}
			sum.Write(text)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return p, "", err
	}
	return Programs{Dir: filepath.Join(cache, "evenkeel", "testbed-"+hex.EncodeToString(sum.Sum(nil))[:16])}, bed, nil
}

// resources keeps kwok's custom resources and stages beside the programs, out
// of its module, so that a start needs no Go.
func resources(ctx context.Context, bed, dir string) error {
	to := filepath.Join(dir, "kwok-resources")
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok")
	list.Dir = filepath.Join(bed, "kwok")
	out, err := list.Output()
	module := strings.TrimSpace(string(out))
	if err != nil || module == "" {
		return fmt.Errorf("find kwok's module: %w", errors.Join(err, errors.New("it was not downloaded")))
	}
	if err := os.CopyFS(to+".new", os.DirFS(filepath.Join(module, "kustomize"))); err != nil {
		return fmt.Errorf("copy kwok's resources: %w", err)
	}
	return os.Rename(to+".new", to)
}

// end is the last of what a program said.
func end(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}
