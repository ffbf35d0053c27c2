package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// work uses a share of one CPU in slices of 10 ms, as a service does that is
// asked for something now and then. Knob: share, 0 to 1.
func work(fs *flag.FlagSet, k *knob.Set) func() error {
	share := fs.Float64("share", 0.1, "`share` of one CPU")
	return func() error {
		const slice = 10 * time.Millisecond
		for {
			begin := time.Now()
			busy := time.Duration(k.Number("share", *share) * float64(slice))
			for time.Since(begin) < busy {
			}
			time.Sleep(slice - time.Since(begin))
		}
	}
}

// syncing appends records to a file and waits for each to be on disk, as a
// database does with its log. The file starts anew after 4 MB.
func syncing(fs *flag.FlagSet, k *knob.Set) func() error {
	file := fs.String("file", "", "`file` to write")
	rate := fs.Float64("rate", 20, "most records in a `second`")
	size := fs.Int64("record", 8<<10, "`bytes` of a record")
	return func() error {
		f, err := os.OpenFile(*file, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		record := make([]byte, *size)
		for at := int64(0); ; at = (at + int64(len(record))) % (4 << 20) {
			begin := time.Now()
			if _, err := f.WriteAt(record, at); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
			time.Sleep(time.Duration(float64(time.Second)/k.Number("rate", *rate)) - time.Since(begin))
		}
	}
}

// fill appends to a file, and keeps trying when the filesystem is full, as a
// program does whose log runs away. Knob: rate.
func fill(fs *flag.FlagSet, k *knob.Set) func() error {
	file := fs.String("file", "", "`file` to write")
	rate := fs.Float64("rate", 10_000, "`bytes` in a second")
	return func() error {
		f, err := os.OpenFile(*file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		const tick = 100 * time.Millisecond
		for {
			begin := time.Now()
			_, err := f.Write(make([]byte, int(k.Number("rate", *rate)*tick.Seconds())))
			if err != nil && !errors.Is(err, syscall.ENOSPC) {
				return err
			}
			time.Sleep(tick - time.Since(begin))
		}
	}
}

// send pushes bytes through one TCP connection, and dials again when it breaks.
func send(fs *flag.FlagSet, k *knob.Set) func() error {
	to := fs.String("to", "", "`address`")
	rate := fs.Int64("rate", 2<<20, "`bytes` in a second")
	return func() error {
		chunk := make([]byte, 16<<10)
		for {
			c, err := net.DialTimeout("tcp", *to, 10*time.Second)
			if err != nil {
				time.Sleep(time.Second)
				continue
			}
			for err == nil {
				begin := time.Now()
				_, err = c.Write(chunk)
				time.Sleep(time.Duration(float64(time.Second)*float64(len(chunk))/float64(*rate)) - time.Since(begin))
			}
			c.Close()
		}
	}
}

// receive reads whatever send pushes.
func receive(fs *flag.FlagSet, k *knob.Set) func() error {
	listen := fs.String("listen", "", "`address`")
	return func() error {
		l, err := net.Listen("tcp", *listen)
		if err != nil {
			return err
		}
		for {
			c, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c) // until the sender is gone
			}()
		}
	}
}

// leak is a server with a child that does its work. While the knob "bytes" is
// set, the child grows to that size; when the kernel kills it, the parent
// starts another, as prefork servers do.
func leak(fs *flag.FlagSet, k *knob.Set) func() error {
	child := fs.Int64("child", 0, "play the child: grow to so many `bytes`")
	return func() error {
		if *child > 0 {
			return grow(*child)
		}
		self, err := os.Executable() // the name that it was linked to
		if err != nil {
			return err
		}
		for {
			time.Sleep(time.Second)
			size := int64(k.Number("bytes", 0))
			if size == 0 {
				continue
			}
			if err := exec.Command(self, "leak", "-child", fmt.Sprint(size)).Run(); err == nil {
				return errors.New("the child ended by itself; the limit is above what it grew to")
			}
			time.Sleep(5 * time.Second)
		}
	}
}

// grow takes memory a megabyte at a time and touches each page of it.
func grow(size int64) error {
	var held [][]byte
	for total := int64(0); total < size; total += 1 << 20 {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(time.Second)
	fmt.Fprintln(os.Stderr, "held", len(held), "MB")
	os.Exit(0)
	return nil
}
