// The Go client against a server under test: go run . --server PATH [-k FILTER]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type check struct {
	name string
	body func(*run)
}

// failure is what run.fail panics with; anything else that panics is a bug of the tests and is not caught.
type failure struct{ text string }

type run struct {
	binary  string
	server  *server // shared by the checks that only need a plain server
	cleanup []func()
}

func (r *run) fail(format string, args ...any) { panic(failure{fmt.Sprintf(format, args...)}) }

func (r *run) must(err error, what string) {
	if err != nil {
		r.fail("%s: %v", what, err)
	}
}

func (r *run) equal(got, want any, what string) {
	if fmt.Sprintf("%v", got) != fmt.Sprintf("%v", want) {
		r.fail("%s: got %v, want %v", what, got, want)
	}
}

func (r *run) later(f func()) { r.cleanup = append(r.cleanup, f) }

// one runs a check and returns why it failed, or nothing.
func (r *run) one(c check) (text string) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			text = f.text
		}
	}()
	defer func() {
		for i := len(r.cleanup) - 1; i >= 0; i-- {
			r.cleanup[i]()
		}
		r.cleanup = nil
	}()
	c.body(r)
	return ""
}

func main() {
	binary := flag.String("server", os.Getenv("NATS_SERVER_BIN"), "the server binary")
	filter := flag.String("k", "", "only checks whose name contains this")
	flag.Parse()
	if *binary == "" {
		fmt.Fprintln(os.Stderr, "--server PATH or NATS_SERVER_BIN is needed")
		os.Exit(2)
	}
	r := &run{binary: *binary}
	shared, err := startServer(*binary, -1, "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	r.server = shared
	// What this server does not do yet, reason by check; these must fail. The runner tells (not_yet.txt).
	notYet := map[string]string{}
	if text := os.Getenv("CLIENTS_NOT_YET"); text != "" {
		if err := json.Unmarshal([]byte(text), &notYet); err != nil {
			fmt.Fprintln(os.Stderr, "CLIENTS_NOT_YET:", err)
			os.Exit(2)
		}
	}
	passed, failed, expected := 0, 0, 0
	for _, c := range checks {
		if !strings.Contains(c.name, *filter) {
			continue
		}
		started := time.Now()
		reason, listed := notYet[c.name]
		if listed && strings.HasPrefix(reason, "skip:") {
			fmt.Printf("skip %s: not yet: %s\n", c.name, reason)
			continue
		}
		if text := r.one(c); listed && text != "" {
			expected++
			fmt.Printf("ok   %s fails as expected, not yet: %s\n", c.name, reason)
		} else if listed {
			failed++
			fmt.Printf("FAIL %s passes now: remove its line \"go.%s\" from not_yet.txt\n", c.name, c.name)
		} else if text != "" {
			failed++
			fmt.Printf("FAIL %s: %s\n", c.name, text)
		} else {
			passed++
			fmt.Printf("ok   %s (%v)\n", c.name, time.Since(started).Round(time.Millisecond))
		}
	}
	if err := shared.stop(); err != nil {
		failed++
		fmt.Printf("FAIL the shared server: %v\n", err)
	}
	fmt.Printf("%d passed, %d failed, %d expected failures\n", passed, failed, expected)
	if failed > 0 || passed+expected == 0 {
		os.Exit(1)
	}
}
