// Command informers keeps what a cluster has in the caches of client-go's
// informers, as most programs that watch Kubernetes do: the peer that Evenkeel's
// memory is held against. It prints one line: objects, and bytes of heap that
// they take.
//
//	go run . http://127.0.0.1:8001
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	discovery "k8s.io/api/discovery/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: informers URL")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "informers:", err)
		os.Exit(1)
	}
}

func run(url string) error {
	config := &rest.Config{Host: url, QPS: 1000, Burst: 1000}
	config.ContentType = "application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	before := heap()
	f := informers.NewSharedInformerFactory(client, 0)
	all := []cache.SharedIndexInformer{
		f.Core().V1().Pods().Informer(), f.Core().V1().Nodes().Informer(), f.Core().V1().Services().Informer(), f.Core().V1().Namespaces().Informer(),
		f.Apps().V1().Deployments().Informer(), f.Apps().V1().ReplicaSets().Informer(), f.Coordination().V1().Leases().Informer(),
	}
	if slices, err := f.ForResource(discovery.SchemeGroupVersion.WithResource("endpointslices")); err == nil {
		all = append(all, slices.Informer())
	} else {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	f.Start(ctx.Done())
	for kind, ok := range f.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return fmt.Errorf("the cache of %s did not fill", kind)
		}
	}
	took := time.Since(began)
	objects := 0
	for _, one := range all {
		objects += len(one.GetStore().ListKeys())
	}
	fmt.Println(objects, heap()-before, took.Seconds())
	return nil
}

func heap() uint64 {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
