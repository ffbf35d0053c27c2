// Command up builds the programs of a Kubernetes control plane where they are
// not there yet, starts one on loopback with simulated nodes, and prints how to
// reach it. It ends, and leaves nothing behind, with Ctrl-C.
//
//	go run ./lab/cluster/up -nodes 20
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/lab/cluster"
)

func main() {
	nodes := flag.Int("nodes", 3, "simulated `nodes`")
	only := flag.Bool("build", false, "build the programs and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *nodes, *only); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, nodes int, only bool) (err error) {
	p, err := cluster.Build(ctx, func(program string) { fmt.Println("building", program) })
	if err != nil || only {
		return err
	}
	stage, err := lab.NewStage("cluster")
	if err != nil {
		return err
	}
	defer func() {
		if e := stage.Close(); err == nil {
			err = e
		}
	}()
	began := time.Now()
	c, err := cluster.Start(ctx, p, stage)
	if err != nil {
		return err
	}
	if nodes > 0 {
		if err := c.AddNodes(ctx, "node", nodes); err != nil {
			return err
		}
	}
	fmt.Printf("Ready after %.1f s, with %d nodes. Ctrl-C ends it.\n\nexport KUBECONFIG=%s PATH=%s:$PATH\n", time.Since(began).Seconds(), nodes, c.Kubeconfig, p.Dir)
	<-ctx.Done()
	return nil
}
