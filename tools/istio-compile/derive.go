package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"istio.io/istio/pkg/kube"
)

// cluster is what the manifests would make of a cluster.
type cluster struct {
	// All manifests, Istio's among them.
	objects []object
	// What Kubernetes itself stores, derived Pods and EndpointSlices included.
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

// derive makes the Pods, EndpointSlices, Secrets and Nodes that a cluster would make of the manifests.
func derive(objects []object, zones []string, notes io.Writer) (*cluster, error) {
	var wrong faults
	made := &cluster{objects: objects}
	namespaces := namespacesOf(objects)
	addresses := addresses{}
	var pods []*corev1.Pod
	var services []derived
	for _, from := range objects {
		kind := from.GroupVersionKind().GroupKind()
		if kind.Group == gatewayAPI {
			wrong.add(from, "the Gateway API is not translated here: a cluster would start a gateway of its own for it")
			continue
		}
		switch kind.String() {
		case "Namespace", "ServiceAccount", "Secret", "Node", "EndpointSlice.discovery.k8s.io":
			if read, err := decode(from); err != nil {
				wrong.add(from, "%v", err)
			} else {
				made.keep(read, from)
			}
		case "Service":
			read, err := decode(from)
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			complete(read.(*corev1.Service), addresses)
			made.keep(read, from)
			services = append(services, derived{read, from})
		case "Pod", "Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "DaemonSet.apps", "SpinApp.core.spinkube.dev":
			template, err := templateOf(from, max(1, len(zones)))
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			for replica := range template.replicas {
				pod, workload := podOf(from, template, replica, zones, namespaces, addresses)
				pods = append(pods, pod)
				made.keep(pod, from)
				made.workloads = append(made.workloads, workload)
			}
		case "Job.batch", "CronJob.batch", "ReplicationController", "Rollout.argoproj.io":
			fmt.Fprintf(notes, "note: %s: %s: its Pods are left out\n", from.place, from)
		case "Certificate.cert-manager.io":
			secret, err := secretOf(from)
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			made.keep(secret, from)
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

// Kubernetes' own kinds. An unknown field, which an API server warns of and drops, is an error.
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
