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

const help = `istio-compile writes the configuration that Istio makes from manifests, without a cluster.

Usage:
  istio-compile [flags] MANIFESTS...

MANIFESTS are folders with a kustomization, YAML files, or - for YAML on the standard input. Istio's own kinds, Services,
EndpointSlices, Namespaces, ServiceAccounts, Secrets and Nodes are used unchanged. Pods are derived from Pods, Deployments,
StatefulSets, ReplicaSets, DaemonSets, SpinApps and Argo Rollouts. A Secret is derived from each Certificate. The manifests may
be a dump of a cluster: then nothing is derived from an object whose owner is also in the dump. A Rollout is the
exception: if its ReplicaSets or Pods are in the dump, they are used, and nothing is derived from the Rollout itself.

The output is one folder for each proxy, OUT/NAMESPACE/POD/, with listeners.json, routes.json, clusters.json, endpoints.json
and extensions.json. OUT/workloads.json lists Pods and Services. If the manifests are the same, the output has the same bytes.

If Istio rejects a manifest or warns about it, the run fails with the manifest's file and line, and writes nothing. One
warning does not make the run fail: the warning that an EnvoyFilter exposes Istio's internals.

Flags:
  --out FOLDER           the folder to write; its previous content is removed. Without --out the manifests are only checked
  --objects FILE         also write all objects that a cluster would hold, as YAML for other tools: the manifests, and the
                         objects that are derived from them
  --mesh-config FILE     the configuration of the mesh: a MeshConfig, or an IstioOperator that contains a MeshConfig. If this
                         flag is missing, Istio's defaults apply
  --namespace NAME       the namespace for manifests that do not name one. If this flag is missing, it is "default"
  --component FOLDER     a kustomize component to apply to all manifests; may be repeated
  --zone REGION/ZONE     a zone for the replicas of each workload. May be repeated: the replicas are spread over all zones
  --allow CODE           messages with this code of istioctl analyze, such as IST0173, do not make the run fail, and are only
                         printed; may be repeated
  --warnings-ok          warnings do not make the run fail, and are only printed; errors still make it fail
  -h, --help             print this text

Exit codes: 0 success, 64 wrong arguments, 65 errors in the manifests, 70 Istio itself failed, 73 cannot write the output.
`

type options struct {
	inputs, components, zones           []string
	meshConfig, out, objects, namespace string
	allowed                             tolerance
	help                                bool
}

// list is the value of a flag that may be given more than once.
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
			return argumentError("%v", err)
		}
		if flags.NArg() == 0 {
			break
		}
		found.inputs, arguments = append(found.inputs, flags.Arg(0)), flags.Args()[1:]
	}
	if len(found.inputs) == 0 {
		return argumentError("no manifests are given; expected a folder with a kustomization, YAML files, or - for the standard input")
	}
	for _, zone := range found.zones {
		if region, name, _ := strings.Cut(zone, "/"); region == "" || name == "" || strings.Contains(name, "/") {
			return argumentError("--zone %s: expected REGION/ZONE, such as westeurope/westeurope-1", zone)
		}
	}
	if invalid := validation.IsDNS1123Label(found.namespace); len(invalid) > 0 {
		return argumentError("--namespace %s: %s", found.namespace, strings.Join(invalid, "; "))
	}
	found.allowed.codes = map[string]bool{}
	for _, code := range codes {
		if !slices.ContainsFunc(msg.All(), func(known *diag.MessageType) bool { return known.Code() == code }) {
			return argumentError("--allow %s: expected the code of a message of istioctl analyze, such as IST0173", code)
		}
		found.allowed.codes[code] = true
	}
	for _, path := range append(append(found.components, found.inputs...), found.meshConfig) {
		if path == "" || path == "-" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return argumentError("%v", err)
		}
	}
	return found, nil
}

func argumentError(format string, arguments ...any) (options, error) {
	return options{}, failure{fmt.Errorf("istio-compile: %w; see --help", fmt.Errorf(format, arguments...)), exitUsage}
}
