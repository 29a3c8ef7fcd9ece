// Command generate writes session records of a fleet that does not exist to standard output, as a log has them or, with
// -journal, as a journal does: for benchmarks and trials.
//
//	go run ./inventory/internal/records/generate -n 10000000 -devices 20000 -days 30 -seed 1 | drawbridge inventory --from -
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"drawbridge/inventory/internal/records"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	var o records.Options
	flag.IntVar(&o.Records, "n", 1000, "how many sessions")
	flag.IntVar(&o.Devices, "devices", 100, "of how many devices")
	flag.IntVar(&o.Days, "days", 30, "over how many days")
	flag.Uint64Var(&o.Seed, "seed", 1, "the same seed makes the same records")
	flag.BoolVar(&o.Journal, "journal", false, "with the admitted and bridge lines of a journal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return records.Write(ctx, os.Stdout, o)
}
