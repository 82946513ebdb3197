package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

const help = `istio-compile says what Istio makes of manifests, without a cluster.

Usage:
  istio-compile [flags] MANIFESTS...

MANIFESTS are folders with a kustomization, YAML files, or - for YAML on the standard input. Of what they hold it takes every
kind of Istio's own API, Services, EndpointSlices, Namespaces, ServiceAccounts, Secrets and Nodes as they are; Pods,
Deployments, StatefulSets, ReplicaSets, DaemonSets and SpinApps as the Pods they lead to; a Certificate as its Secret.

What Istio rejects or warns of fails with its file and line, and nothing is written. Otherwise it writes one folder a proxy,
OUT/NAMESPACE/POD/, with listeners.json, routes.json, clusters.json, endpoints.json and extensions.json, and
OUT/workloads.json, which lists Pods and Services. The same manifests give the same bytes.

Flags:
  --out FOLDER           the folder to write; what it held before goes. Without it the manifests are only checked
  --objects FILE         also write all that a cluster would hold, manifests and what was derived from them, as YAML for
                         other tools
  --mesh-config FILE     the mesh's configuration: a MeshConfig, or an IstioOperator that holds one. Default: Istio's
  --namespace NAME       the namespace of manifests that name none. Default: default
  --component FOLDER     a kustomize component to apply to all of it; may be repeated
  --zone REGION/ZONE     a zone to spread the replicas of each workload over; may be repeated
  -h, --help             this text

Exit codes: 64 wrong arguments, 65 manifests that Istio would not take, 70 Istio itself failed, 73 cannot write.
`

type options struct {
	inputs, components, zones           []string
	meshConfig, out, objects, namespace string
	help                                bool
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// parse reads the arguments; flags may stand before and after the manifests.
func parse(arguments []string) (options, error) {
	var found options
	flags := flag.NewFlagSet("istio-compile", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&found.out, "out", "", "")
	flags.StringVar(&found.objects, "objects", "", "")
	flags.StringVar(&found.meshConfig, "mesh-config", "", "")
	flags.StringVar(&found.namespace, "namespace", metav1.NamespaceDefault, "")
	flags.Var((*list)(&found.components), "component", "")
	flags.Var((*list)(&found.zones), "zone", "")
	for {
		if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
			return options{help: true}, nil
		} else if err != nil {
			return wrong("%v", err)
		}
		if flags.NArg() == 0 {
			break
		}
		found.inputs, arguments = append(found.inputs, flags.Arg(0)), flags.Args()[1:]
	}
	if len(found.inputs) == 0 {
		return wrong("no manifests: name a folder with a kustomization, or YAML files")
	}
	for _, zone := range found.zones {
		if region, name, _ := strings.Cut(zone, "/"); region == "" || name == "" || strings.Contains(name, "/") {
			return wrong("--zone %s: expected REGION/ZONE, such as westeurope/westeurope-1", zone)
		}
	}
	if invalid := validation.IsDNS1123Label(found.namespace); len(invalid) > 0 {
		return wrong("--namespace %s: %s", found.namespace, strings.Join(invalid, "; "))
	}
	for _, path := range append(append(found.components, found.inputs...), found.meshConfig) {
		if path == "" || path == "-" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return wrong("%v", err)
		}
	}
	return found, nil
}

func wrong(format string, arguments ...any) (options, error) {
	return options{}, failure{fmt.Errorf("istio-compile: %w; --help tells more", fmt.Errorf(format, arguments...)), usage}
}
