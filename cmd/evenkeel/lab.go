package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/lab/cluster"
)

// labCluster builds, where they are not there yet, the programs of a real
// Kubernetes control plane, and runs one with simulated nodes until Ctrl-C.
func labCluster(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (code int, err error) {
	nodes := fs.Int("nodes", 3, "simulated `nodes`")
	pods := fs.Int("pods", 0, "`pods` that run on them, in deployments of at most 50 with a service each")
	only := fs.Bool("build", false, "build the programs and end")
	rest, err := parse(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	if rest[0] != "cluster" {
		return exitUnsure, fmt.Errorf("there is no lab %q; there is: evenkeel lab cluster", rest[0])
	}
	if *nodes < 0 || *pods < 0 || *pods > 110**nodes {
		return exitUnsure, fmt.Errorf("%d pods on %d nodes: a node takes 110", *pods, *nodes)
	}
	p, err := cluster.Build(ctx, func(program string) {
		fmt.Fprintf(out, "Building %s; all of them take some twelve minutes of CPU, once.\n", program)
	})
	if err != nil || *only {
		return exitOf(ctx, err)
	}
	stage, err := lab.NewStage("cluster")
	if err != nil {
		return exitUnsure, err
	}
	defer func() {
		if e := stage.Close(); e != nil {
			code, err = exitUnsure, errors.Join(err, e)
		}
	}()
	began := time.Now()
	c, err := cluster.Start(ctx, p, stage)
	if err != nil {
		return exitOf(ctx, err)
	}
	if err := c.AddNodes(ctx, "node", *nodes); err != nil {
		return exitOf(ctx, err)
	}
	if err := c.AddPods(ctx, *pods); err != nil {
		return exitOf(ctx, err)
	}
	fmt.Fprintf(out, `A cluster of Kubernetes %s runs on loopback, after %.1f s: %d nodes, and %d pods that come up now. Its kubelets are simulated, all else is real.

  evenkeel up --kubeconfig %s
  export KUBECONFIG=%[5]s PATH=%s:$PATH    # for kubectl

Ctrl-C ends it and leaves nothing behind.
`, cluster.Version, time.Since(began).Seconds(), *nodes, *pods, c.Kubeconfig, p.Dir)
	<-ctx.Done()
	return exitOK, nil
}

// exitOf is the end of something that a person may have broken off.
func exitOf(ctx context.Context, err error) (int, error) {
	if err == nil || ctx.Err() != nil {
		return exitOK, nil
	}
	return exitUnsure, err
}
