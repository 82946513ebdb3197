// istio-compile writes the configuration that Istio makes from manifests, without a cluster. It runs Istio's own discovery server
// in this process, and loads the manifests into the server. Then it sends the server the requests of each proxy, and writes the
// responses as files that an Envoy can load.
//
// Read the files in this order:
//   - render.go reads the manifests, and finds the file and line of each manifest.
//   - derive.go derives the objects that a cluster would make from the manifests. catalog.go finds the owners of objects. pods.go,
//     spin_app.go, rollout.go, inject.go and services.go derive Pods and EndpointSlices. defaults.go fills in the defaults of an
//     API server.
//   - judge.go runs Istio's validation and analysis.
//   - discover.go and order.go run Istio's server, and request the configuration of each proxy.
//   - write.go writes the output files.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Environment variables for Istio. The first two turn off features that upstream Envoy does not have. With the third, each proxy
// itself fetches the JWKS (keys that verify tokens), because the control plane in this process cannot fetch them. Istio reads these
// variables when its packages are initialized, so the variables must be set when the program starts.
var environment = []string{
	"PILOT_ENABLE_ALPN_FILTER=false",
	"PILOT_ENABLE_METADATA_EXCHANGE=false",
	"PILOT_JWT_ENABLE_REMOTE_JWKS=envoy",
}

// The exit codes, from sysexits.h.
const (
	exitUsage     = 64
	exitManifests = 65
	exitSoftware  = 70
	exitOutput    = 73
)

// failure is an error that has its own exit code. Every other error is an error in the manifests, and its exit code is
// exitManifests.
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
	failed := failure{code: exitManifests}
	errors.As(err, &failed)
	os.Exit(failed.code)
}

// restart replaces this process by a new run of the program if one of the needed environment variables has another value. The new
// run has the needed values.
func restart() error {
	needed := false
	for _, setting := range environment {
		name, value, _ := strings.Cut(setting, "=")
		needed = needed || os.Getenv(name) != value
		if err := os.Setenv(name, value); err != nil {
			return failure{err, exitSoftware}
		}
	}
	if !needed {
		return nil
	}
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, os.Environ())
	}
	return failure{fmt.Errorf("cannot restart with the environment variables %s: %w", strings.Join(environment, " "), err), exitSoftware}
}

// run reads the manifests, derives objects from them, judges and compiles all objects, and writes the output if --out is given. It
// prints warnings and notes, which do not make the run fail, to the writer `notes`.
func run(options options, input io.Reader, notes io.Writer) error {
	if err := writable(options.out); err != nil {
		return failure{err, exitUsage}
	}
	log, err := collectIstioLog()
	if err != nil {
		return failure{err, exitSoftware}
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
			return failure{err, exitOutput}
		}
	}
	if err := judge(cluster, mesh, options.allowed, notes); err != nil {
		return err
	}
	compiled, err := discover(cluster, mesh, log)
	if err != nil {
		return failure{err, exitSoftware}
	}
	if err := log.report(notes); err != nil {
		return err
	}
	if options.out == "" {
		return nil
	}
	if err := write(options.out, cluster, compiled); err != nil {
		return failure{err, exitOutput}
	}
	return nil
}
