// SPDX-License-Identifier: MPL-2.0

// Command fetch gets a file from the web for the scripts, with what Go alone brings: a fresh machine may have no curl, unzip or
// sha256sum.
//
//	go run ./scripts/fetch URL                                        prints what the server answers
//	go run ./scripts/fetch -sums FILE -unpack NAME -out PATH URL      gets a zip archive, checks it, and unpacks one file of it
//
// It gives up soon where there is no way to the server, and leaves nothing half done behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// request is what the command line asks for.
type request struct {
	url    string
	sums   string // file with lines as sha256sum writes them
	unpack string // name of the file in the archive
	out    string

	answer  time.Duration // until the server begins to answer
	silence time.Duration // between two pieces of the answer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run does what the arguments ask for.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	var r request
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&r.sums, "sums", "", "`file` with the sha256 of the archive, in the form of sha256sum")
	flags.StringVar(&r.unpack, "unpack", "", "`name` of the file to take out of the archive")
	flags.StringVar(&r.out, "out", "", "`path` to write that file to, executable")
	flags.DurationVar(&r.answer, "answer", 4*time.Second, "how long to wait for the beginning of the answer")
	flags.DurationVar(&r.silence, "silence", 20*time.Second, "how long to wait for more of it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("give one URL, not %d", flags.NArg())
	}
	r.url = flags.Arg(0)
	switch given := (r.sums != "") == (r.unpack != "") && (r.unpack != "") == (r.out != ""); {
	case !given:
		return errors.New("-sums, -unpack and -out go together: give all three or none")
	case r.out == "":
		return r.get(ctx, func(body io.Reader, _ int64) error {
			_, err := io.Copy(out, body)
			return err
		})
	default:
		return r.install(ctx, errs)
	}
}
