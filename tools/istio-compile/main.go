// istio-compile shows the configuration that Istio makes from manifests, without a cluster. It runs Istio's own discovery server on
// them in this process, sends it the requests of each proxy, and writes the responses as files that an Envoy can load.
//
// Read in this order:
//   - render.go: manifests, and where each came from.
//   - derive.go: what a cluster would make from them. catalog.go finds owners; pods.go, spin_app.go, rollout.go, inject.go and
//     services.go derive; defaults.go is the API server.
//   - judge.go: what Istio rejects or warns about.
//   - discover.go and order.go: the server, and what a proxy requests.
//   - write.go: stable files.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Features that upstream Envoy does not have are off. The proxy fetches a JWKS, because the control plane here cannot.
// Istio reads these variables when its packages are initialized, so they must be set when the program starts.
var environment = []string{
	"PILOT_ENABLE_ALPN_FILTER=false",
	"PILOT_ENABLE_METADATA_EXCHANGE=false",
	"PILOT_JWT_ENABLE_REMOTE_JWKS=envoy",
}

// The exit codes, from sysexits.h.
const (
	usage     = 64
	manifests = 65
	software  = 70
	output    = 73
)

// failure is an error with its own exit code. Every other error is a fault of the manifests.
type failure struct {
	error
	code int
}

func (f failure) Unwrap() error { return f.error }

func main() {
	if err := restart(); err != nil {
		end(err)
	}
	options, err := parse(os.Args[1:])
	switch {
	case err != nil:
		end(err)
	case options.help:
		fmt.Print(help)
		return
	}
	if err := run(options, os.Stdin, os.Stderr); err != nil {
		end(err)
	}
}

func end(err error) {
	fmt.Fprintln(os.Stderr, err)
	failed := failure{code: manifests}
	errors.As(err, &failed)
	os.Exit(failed.code)
}

// restart runs this program again if the environment is not the one that Istio needs.
func restart() error {
	needed := false
	for _, setting := range environment {
		name, value, _ := strings.Cut(setting, "=")
		needed = needed || os.Getenv(name) != value
		if err := os.Setenv(name, value); err != nil {
			return failure{err, software}
		}
	}
	if !needed {
		return nil
	}
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, os.Environ())
	}
	return failure{fmt.Errorf("cannot start again with %s: %w", strings.Join(environment, " "), err), software}
}

// run reads, derives, judges, compiles and, with an --out, writes. Information that is not a fault goes to notes.
func run(options options, input io.Reader, notes io.Writer) error {
	if err := writable(options.out); err != nil {
		return failure{err, usage}
	}
	said, err := listen()
	if err != nil {
		return failure{err, software}
	}
	mesh, err := readMeshConfig(options.meshConfig)
	if err != nil {
		return err
	}
	objects, err := render(options.inputs, options.components, options.namespace, input)
	if err != nil {
		return err
	}
	cluster, err := derive(objects, options.zones, notes)
	if err != nil {
		return err
	}
	if options.objects != "" {
		if err := cluster.writeObjects(options.objects); err != nil {
			return failure{err, output}
		}
	}
	if err := judge(cluster, mesh, options.allowed, notes); err != nil {
		return err
	}
	compiled, err := discover(cluster, mesh, said)
	if err != nil {
		return failure{err, software}
	}
	if err := said.report(notes); err != nil {
		return err
	}
	if options.out == "" {
		return nil
	}
	if err := write(options.out, cluster, compiled); err != nil {
		return failure{err, output}
	}
	return nil
}
