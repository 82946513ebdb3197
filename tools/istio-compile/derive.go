package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"istio.io/istio/pkg/kube"
)

// cluster is the state of a cluster to which the manifests were applied.
type cluster struct {
	// All manifests, including Istio's.
	objects []object
	// The objects that Kubernetes itself stores, including derived Pods and EndpointSlices.
	kubernetes []derived
	// The Pods, sorted by namespace and name.
	workloads []workload
}

// derived is a Kubernetes object, and the manifest that led to it.
type derived struct {
	runtime.Object
	from object
}

func (c *cluster) keep(of runtime.Object, from object) {
	c.kubernetes = append(c.kubernetes, derived{of, from})
}

const gatewayAPI = "gateway.networking.k8s.io"

// derive makes the Pods, EndpointSlices, Secrets and Nodes that a cluster would make from the manifests.
func derive(objects []object, zones []string, notes io.Writer) (*cluster, error) {
	known, err := catalogOf(objects)
	if err != nil {
		return nil, err
	}
	var wrong faults
	made := &cluster{objects: objects}
	nodes := scheduler{known: known, zones: zones, namespaces: namespacesOf(objects), addresses: addresses{}, names: map[key]bool{}}
	var pods []*corev1.Pod
	var services []derived
	for _, from := range objects {
		if from.GroupVersionKind().Group == gatewayAPI {
			wrong.add(from, "the Gateway API is not translated here: a cluster would start a gateway of its own for it")
			continue
		}
		if known.covered(from) {
			continue
		}
		switch kindOf(from) {
		case "Namespace", "ServiceAccount", "Secret", "Node", "Service", endpointSliceKind:
			read, err := decode(from)
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			made.keep(read, from)
			switch read := read.(type) {
			case *corev1.Namespace:
				completeNamespace(read)
			case *corev1.Service:
				completeService(read, nodes.addresses)
				services = append(services, derived{read, from})
			case *discoveryv1.EndpointSlice:
				completeSlice(read)
			}
		case podKind, deploymentKind, statefulSetKind, replicaSetKind, daemonSetKind, spinAppKind, rolloutKind:
			if ended(from) {
				fmt.Fprintf(notes, "note: %s: %s: it has ended, and is left out\n", from.place, from)
				continue
			}
			template, err := templateOf(from, max(1, len(zones)), known)
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			for replica := range template.replicas {
				pod, workload := nodes.podOf(from, template, replica)
				pods = append(pods, pod)
				made.keep(pod, from)
				made.workloads = append(made.workloads, workload)
			}
		case "Job.batch", "CronJob.batch", "ReplicationController":
			if len(known.children[keyOf(from)]) == 0 {
				fmt.Fprintf(notes, "note: %s: %s: its Pods are left out\n", from.place, from)
			}
		case "Certificate.cert-manager.io":
			secret, err := secretOf(from)
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			// A dump of a cluster may also hold the Secret.
			if _, there := known.objects[key{"Secret", secret.Namespace, secret.Name}]; !there {
				made.keep(secret, from)
			}
		}
	}
	for _, zone := range zones {
		made.keep(nodeOf(zone), object{})
	}
	for _, service := range services {
		for _, slice := range slicesOf(service, pods, notes) {
			made.keep(slice, service.from)
		}
	}
	slices.SortFunc(made.workloads, func(a, b workload) int {
		return strings.Compare(a.Namespace+"/"+a.Pod, b.Namespace+"/"+b.Pod)
	})
	return made, wrong.err()
}

// The decoder for Kubernetes' own kinds. An unknown field, which an API server warns about and drops, is an error.
var codec = serializer.NewCodecFactory(kube.IstioScheme, serializer.EnableStrict).UniversalDeserializer()

func decode(from object) (runtime.Object, error) {
	text, err := from.MarshalJSON()
	if err != nil {
		return nil, err
	}
	read, _, err := codec.Decode(text, nil, nil)
	if err != nil {
		return nil, err
	}
	return read, nil
}

func nodeName(zone string) string { return "node-" + strings.ReplaceAll(zone, "/", "-") }

func nodeOf(zone string) *corev1.Node {
	region, name, _ := strings.Cut(zone, "/")
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: nodeName(zone), Labels: map[string]string{
			corev1.LabelTopologyRegion: region,
			corev1.LabelTopologyZone:   name,
		}},
	}
}
