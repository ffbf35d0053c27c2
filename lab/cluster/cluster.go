package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// Cluster is a control plane that runs.
type Cluster struct {
	Kubeconfig string // file, with the rights of an administrator
	URL        string // of the API server
	Token      string // an administrator's
	CA         string // file
	Audit      string // file: what service accounts of the namespace evenkeel ask for, a line each

	programs Programs
	stage    *lab.Stage
	client   *http.Client
	parts    map[string]*lab.Process
	args     map[string][]string
}

// within is how long a part may take to get ready.
const within = 90 * time.Second

// Start starts a control plane on the stage, with no nodes yet.
func Start(ctx context.Context, p Programs, stage *lab.Stage) (*Cluster, error) {
	k, err := makeKeys(stage.Dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{programs: p, stage: stage, Token: rand.Text(), CA: k.ca, parts: map[string]*lab.Process{}, args: map[string][]string{}}
	var ports [6]string
	for n := range ports {
		address, err := lab.FreePort()
		if err != nil {
			return nil, err
		}
		if _, ports[n], err = net.SplitHostPort(address); err != nil {
			return nil, err
		}
	}
	file := func(name string) string { return filepath.Join(stage.Dir, name) }
	c.URL, c.Kubeconfig, c.Audit = "https://127.0.0.1:"+ports[2], file("kubeconfig"), file("audit.log")
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(k.ca)
	if err != nil {
		return nil, err
	}
	pool.AppendCertsFromPEM(ca)
	c.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for name, text := range map[string]string{
		"tokens.csv": c.Token + `,admin,1,"system:masters"` + "\n",
		// What service accounts of a namespace called evenkeel ask for is written
		// down, of everybody else nothing.
		"audit.yaml": "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- {level: Metadata, userGroups: [\"system:serviceaccounts:evenkeel\"]}\n- {level: None}\n",
		"kubeconfig": fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: bed, cluster: {server: %q, certificate-authority: %q}}]\n"+
			"users: [{name: admin, user: {token: %q}}]\ncontexts: [{name: bed, context: {cluster: bed, user: admin}}]\ncurrent-context: bed\n", c.URL, k.ca, c.Token),
	} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	etcd, peers := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	// A bed is thrown away: it need not survive the loss of power.
	if err := c.start("etcd", "--data-dir", file("etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peers,
		"--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers, "--unsafe-no-fsync", "--quota-backend-bytes", "4294967296", "--log-level", "warn"); err != nil {
		return nil, err
	}
	if err := c.start("kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", ports[2],
		"--tls-cert-file", k.cert, "--tls-private-key-file", k.key, "--client-ca-file", k.ca, "--token-auth-file", file("tokens.csv"), "--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default", "--service-account-key-file", k.accountPublic, "--service-account-signing-key-file", k.account,
		"--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount", "--max-requests-inflight", "800",
		"--max-mutating-requests-inflight", "400", "--endpoint-reconciler-type", "none",
		"--audit-policy-file", file("audit.yaml"), "--audit-log-path", file("audit.log"), "--cert-dir", stage.Dir); err != nil {
		return nil, err
	}
	if err := c.ready(ctx, "kube-apiserver", c.URL+"/readyz"); err != nil {
		return nil, err
	}
	if err := c.start("kube-controller-manager", "--kubeconfig", c.Kubeconfig, "--bind-address", "127.0.0.1", "--secure-port", ports[3], "--leader-elect=false",
		"--service-account-private-key-file", k.account, "--root-ca-file", k.ca, "--kube-api-qps", "500", "--kube-api-burst", "1000", "--concurrent-deployment-syncs", "20",
		"--concurrent-replicaset-syncs", "20", "--horizontal-pod-autoscaler-sync-period", "3s", "--authorization-always-allow-paths", "/healthz,/metrics", "--cert-dir", stage.Dir); err != nil {
		return nil, err
	}
	if err := c.start("kube-scheduler", "--kubeconfig", c.Kubeconfig, "--bind-address", "127.0.0.1", "--secure-port", ports[4], "--leader-elect=false",
		"--kube-api-qps", "500", "--kube-api-burst", "1000", "--authorization-always-allow-paths", "/healthz,/livez,/readyz,/metrics", "--cert-dir", stage.Dir); err != nil {
		return nil, err
	}
	if err := c.kwok(ctx, ports[5], k.cert, k.key); err != nil {
		return nil, err
	}
	return c, nil
}

// kwok starts the simulated kubelets. With a certificate, the API server can
// reach them as it reaches others.
func (c *Cluster) kwok(ctx context.Context, port, cert, key string) error {
	from := filepath.Join(c.programs.Dir, "kwok-resources")
	if _, err := c.Kubectl(ctx, "", "apply", "-k", filepath.Join(from, "crd")); err != nil {
		return err
	}
	// A definition that has just been made may have no conditions at all yet, which
	// kubectl takes for an error and not for something to wait for.
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		_, err := c.Kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=60s", "crd", "stages.kwok.x-k8s.io")
		if err == nil {
			break
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "conditions accessor") || time.Since(began) > within {
			return err
		}
	}
	for _, stages := range [][]string{{"-k", filepath.Join(from, "stage", "fast")}, {"-f", filepath.Join(from, "stage", "node", "chaos", "node-not-ready.yaml")},
		{"-f", filepath.Join(from, "stage", "pod", "chaos", "pod-container-running-failed.yaml")}} {
		if _, err := c.Kubectl(ctx, "", append([]string{"apply"}, stages...)...); err != nil {
			return err
		}
	}
	return c.start("kwok", "--kubeconfig", c.Kubeconfig, "--manage-all-nodes=true", "--enable-crds", "Stage,Metric,ClusterResourceUsage,ResourceUsage,ClusterLogs,Logs",
		"--node-port", port, "--node-ip", "127.0.0.1", "--server-address", "127.0.0.1:"+port, "--tls-cert-file", cert, "--tls-private-key-file", key, "--cidr", "10.244.0.0/14", "--node-lease-duration-seconds", "40")
}

func (c *Cluster) start(program string, args ...string) error {
	p, err := c.stage.Start(program, exec.Command(filepath.Join(c.programs.Dir, program), args...))
	if err != nil {
		return err
	}
	c.parts[program], c.args[program] = p, args
	return nil
}

// Kill ends a part at once, as a crash does. Part "kube-apiserver" is what all
// others speak to.
func (c *Cluster) Kill(part string) error { return c.parts[part].Kill() }

// Again starts the API server as it was, and waits until it is ready.
func (c *Cluster) Again(ctx context.Context) error {
	const part = "kube-apiserver"
	if err := c.start(part, c.args[part]...); err != nil {
		return err
	}
	return c.ready(ctx, part, c.URL+"/readyz")
}

// ready waits until a part says that it is.
func (c *Cluster) ready(ctx context.Context, part, url string) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+c.Token)
		if resp, err := c.client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if c.parts[part].Ended() {
			return fmt.Errorf("%s ended at once: %s", part, c.log(part))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %s", part, within, c.log(part))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *Cluster) log(part string) string {
	raw, err := os.ReadFile(filepath.Join(c.stage.Dir, part+".log"))
	if err != nil {
		return err.Error()
	}
	return end(raw)
}

// Kubectl runs kubectl with a manifest on its standard input and returns what
// it says.
func (c *Cluster) Kubectl(ctx context.Context, manifest string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs.Dir, "kubectl"), append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(manifest)
	var wrong bytes.Buffer
	cmd.Stderr = &wrong
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, end(wrong.Bytes()))
	}
	return string(out), nil
}

// teams is over how many namespaces AddPods spreads.
const teams = 4

// AddPods makes pods: deployments app-0, app-1 and so on of fifty each (the last
// has the rest), with a service each, in the namespaces team-0 to team-3. It
// does not wait until they run.
func (c *Cluster) AddPods(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	var b strings.Builder
	for i := range teams {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team-%d}\n", i)
	}
	for i := 0; n > 0; i++ {
		fmt.Fprintf(&b, `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app-%[1]d, namespace: team-%[2]d}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: app-%[1]d}}
  template:
    metadata: {labels: {app: app-%[1]d}}
    spec:
      containers:
      - {name: app, image: "example.org/app-%[1]d:1", resources: {requests: {cpu: 50m, memory: 64Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: app-%[1]d, namespace: team-%[2]d}
spec: {selector: {app: app-%[1]d}, ports: [{port: 80}]}
`, i, i%teams, min(n, 50))
		n -= min(n, 50)
	}
	_, err := c.Kubectl(ctx, b.String(), "apply", "-f", "-")
	return err
}

// AddNodes makes simulated nodes NAME-0, NAME-1 and so on, in three zones.
func (c *Cluster) AddNodes(ctx context.Context, name string, n int) error {
	if n == 0 {
		return nil
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `---
apiVersion: v1
kind: Node
metadata:
  name: %[1]s-%[2]d
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {kubernetes.io/hostname: %[1]s-%[2]d, kubernetes.io/os: linux, kubernetes.io/arch: amd64, topology.kubernetes.io/zone: zone-%[3]d, type: kwok}
spec: {}
status:
  allocatable: {cpu: "8", memory: 32Gi, pods: "110"}
  capacity: {cpu: "8", memory: 32Gi, pods: "110"}
`, name, i, i%3)
	}
	_, err := c.Kubectl(ctx, b.String(), "create", "-f", "-")
	return err
}
