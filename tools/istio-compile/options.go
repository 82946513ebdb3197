package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/msg"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

const help = `istio-compile prints what Istio makes of manifests, without a cluster.

Usage:
  istio-compile [flags] MANIFESTS...

MANIFESTS are folders with a kustomization, YAML files, or - for YAML on the standard input. Istio's own kinds, Services,
EndpointSlices, Namespaces, ServiceAccounts, Secrets and Nodes are taken as they are. Pods, Deployments, StatefulSets,
ReplicaSets, DaemonSets, SpinApps and Argo Rollouts lead to Pods, and a Certificate to its Secret. In a cluster's dump, an
object whose owner is in the dump too leads to nothing more.

The output is one folder for each proxy, OUT/NAMESPACE/POD/, with listeners.json, routes.json, clusters.json, endpoints.json
and extensions.json, and OUT/workloads.json, which lists Pods and Services. The same manifests give the same bytes.

What Istio rejects or warns of fails with its file and line, and nothing is written. The warning that EnvoyFilters expose
Istio's internals is printed and does not fail.

Flags:
  --out FOLDER           the folder to write, replaced as a whole. Without it the manifests are only checked
  --objects FILE         also write all that a cluster would hold, manifests and what was derived from them, as YAML for
                         other tools
  --mesh-config FILE     the mesh's configuration: a MeshConfig, or an IstioOperator that holds one. Default: Istio's
  --namespace NAME       the namespace of manifests that name none. Default: default
  --component FOLDER     a kustomize component to apply to all of it; may be repeated
  --zone REGION/ZONE     a zone to spread the replicas of each workload over; may be repeated
  --allow CODE           report messages of istioctl analyze with this code, such as IST0173, without failing; may be repeated
  --warnings-ok          report all warnings without failing; errors still fail
  -h, --help             this text

Exit codes: 64 wrong arguments, 65 manifests that Istio would not take, 70 Istio itself failed, 73 cannot write.
`

type options struct {
	inputs, components, zones           []string
	meshConfig, out, objects, namespace string
	allowed                             tolerance
	help                                bool
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// parse reads the arguments. Flags may be before and after the manifests.
func parse(arguments []string) (options, error) {
	var found options
	var codes []string
	flags := flag.NewFlagSet("istio-compile", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&found.out, "out", "", "")
	flags.StringVar(&found.objects, "objects", "", "")
	flags.StringVar(&found.meshConfig, "mesh-config", "", "")
	flags.StringVar(&found.namespace, "namespace", metav1.NamespaceDefault, "")
	flags.BoolVar(&found.allowed.warnings, "warnings-ok", false, "")
	flags.Var((*list)(&codes), "allow", "")
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
	found.allowed.codes = map[string]bool{}
	for _, code := range codes {
		if !slices.ContainsFunc(msg.All(), func(known *diag.MessageType) bool { return known.Code() == code }) {
			return wrong("--allow %s: expected the code of one of Istio's messages, such as IST0173", code)
		}
		found.allowed.codes[code] = true
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
	return options{}, failure{fmt.Errorf("istio-compile: %w; see --help", fmt.Errorf(format, arguments...)), usage}
}
