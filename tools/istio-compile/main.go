// istio-compile says what Istio makes of manifests, without a cluster: it runs Istio's own discovery server on them in this
// process, asks it as each proxy would, and writes the answers as files that an Envoy can load.
//
// Read in this order: render.go (manifests, and where each came from), derive.go (the Pods and EndpointSlices that a cluster
// would make of them), judge.go (what Istio rejects or warns of), discover.go (the server, and what a proxy asks it),
// write.go (stable files).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	istiolog "istio.io/istio/pkg/log"
)

const usage = `istio-compile says what Istio makes of manifests, without a cluster.

  istio-compile [flags] MANIFESTS...

MANIFESTS are folders with a kustomization, or YAML files. Of what they hold it takes every Istio kind, Services, Namespaces,
ServiceAccounts and Secrets as they are; Pods, Deployments, StatefulSets and SpinApps as the Pods they lead to; a Certificate
as its Secret. It writes one folder a proxy, OUT/NAMESPACE/POD/, with listeners.json, routes.json, clusters.json,
endpoints.json and extensions.json, and OUT/workloads.json, which lists the proxies. What Istio rejects or warns of fails
with its file and line, and nothing is written.

`

// What upstream Envoy lacks is switched off, and a JWKS is fetched by the proxy: the control plane here could not.
// Istio reads these when its packages are initialized, so they have to be there when the program starts.
var environment = []string{
	"PILOT_ENABLE_ALPN_FILTER=false",
	"PILOT_ENABLE_METADATA_EXCHANGE=false",
	"PILOT_JWT_ENABLE_REMOTE_JWKS=envoy",
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

type options struct {
	inputs, components []string
	meshConfig, out    string
	zones              []string
	validateOnly       bool
}

func main() {
	for _, setting := range environment {
		if name, value, _ := strings.Cut(setting, "="); os.Getenv(name) != value {
			restart()
		}
	}
	options, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(64)
	}
	if err := run(options, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(65)
	}
}

// restart runs this program again with the environment that Istio needs.
func restart() {
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, append(os.Environ(), environment...))
	}
	fmt.Fprintf(os.Stderr, "istio-compile: cannot start again with %s: %v\n", strings.Join(environment, " "), err)
	os.Exit(70)
}

func parse(arguments []string, output io.Writer) (options, error) {
	var components, zones list
	flags := flag.NewFlagSet("istio-compile", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Usage = func() {
		fmt.Fprint(output, usage)
		flags.PrintDefaults()
	}
	out := flags.String("out", "", "the `folder` to write; what it held before goes. Without it the manifests are only checked")
	mesh := flags.String("mesh-config", "", "a `file` with the mesh's configuration: a MeshConfig, or an IstioOperator that holds one")
	flags.Var(&components, "component", "a kustomize component to apply to all of it, a `folder`; may be repeated")
	flags.Var(&zones, "zone", "a `region/zone` to spread the replicas of each workload over; may be repeated")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	fail := func(format string, arguments ...any) (options, error) {
		err := fmt.Errorf(format, arguments...)
		fmt.Fprintf(output, "istio-compile: %v; --help tells more\n", err)
		return options{}, err
	}
	if flags.NArg() == 0 {
		return fail("no manifests: name a folder with a kustomization, or YAML files")
	}
	for _, zone := range zones {
		if strings.Count(zone, "/") != 1 || strings.HasPrefix(zone, "/") || strings.HasSuffix(zone, "/") {
			return fail("--zone %s: expected REGION/ZONE, such as westeurope/westeurope-1", zone)
		}
	}
	return options{inputs: flags.Args(), components: components, meshConfig: *mesh, out: *out, zones: zones}, nil
}

func run(options options, output io.Writer) error {
	quiet()
	mesh, err := readMeshConfig(options.meshConfig)
	if err != nil {
		return err
	}
	objects, err := render(options.inputs, options.components)
	if err != nil {
		return err
	}
	cluster, err := derive(objects, options.zones)
	if err != nil {
		return err
	}
	if err := judge(cluster, mesh, output); err != nil {
		return err
	}
	if options.out == "" {
		return nil
	}
	compiled, err := discover(cluster, mesh)
	if err != nil {
		return err
	}
	return write(options.out, cluster, compiled)
}

// quiet keeps Istio from writing its own log: what is wrong with the manifests is told by judge.go.
func quiet() {
	settings := istiolog.DefaultOptions()
	settings.SetDefaultOutputLevel(istiolog.OverrideScopeName, istiolog.NoneLevel)
	settings.OutputPaths = []string{"stderr"}
	if err := istiolog.Configure(settings); err != nil {
		fmt.Fprintf(os.Stderr, "istio-compile: Istio's log: %v\n", err)
	}
}
