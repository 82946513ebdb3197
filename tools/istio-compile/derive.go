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
	// All manifests, including the manifests of Istio's kinds.
	objects []object
	// The objects of Kubernetes' own kinds, including the Pods and EndpointSlices that derive made.
	kubernetes []derived
	// The Pods, sorted by namespace and name.
	workloads []workload
}

// derived is a Kubernetes object, and the manifest that the object comes from.
type derived struct {
	runtime.Object
	from object
}

func (c *cluster) keep(stored runtime.Object, from object) {
	c.kubernetes = append(c.kubernetes, derived{stored, from})
}

const gatewayAPI = "gateway.networking.k8s.io"

// derive makes the Pods, Services, EndpointSlices, Secrets and Nodes that a cluster would make from the manifests.
func derive(objects []object, zones []string, notes io.Writer) (*cluster, error) {
	known, err := catalogOf(objects)
	if err != nil {
		return nil, err
	}
	var errs messageList
	made := &cluster{objects: objects}
	nodes := scheduler{known: known, zones: zones, namespaces: namespacesOf(objects), addresses: addresses{}, names: map[key]bool{}}
	var pods []*corev1.Pod
	var services []derived
	for _, from := range objects {
		if from.GroupVersionKind().Group == gatewayAPI {
			errs.add(from, "istio-compile does not support the Gateway API: a cluster would start a separate gateway for this object")
			continue
		}
		if known.covered(from) {
			continue
		}
		switch kindOf(from) {
		case "Namespace", "ServiceAccount", "Secret", "Node", "Service", endpointSliceKind:
			read, err := decode(from)
			if err != nil {
				errs.add(from, "%v", err)
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
				fmt.Fprintf(notes, "note: %s: %s: the Pod has ended and is left out\n", from.location, from)
				continue
			}
			template, err := templateOf(from, max(1, len(zones)), known)
			if err != nil {
				errs.add(from, "%v", err)
				continue
			}
			for replica := range template.replicas {
				pod, workload := nodes.podOf(from, template, replica)
				pods = append(pods, pod)
				made.keep(pod, from)
				made.workloads = append(made.workloads, workload)
			}
			if kindOf(from) == spinAppKind {
				if _, ok := known.objects[key{"Service", from.GetNamespace(), from.GetName()}]; !ok {
					service, err := spinAppService(from)
					if err != nil {
						errs.add(from, "%v", err)
						continue
					}
					completeService(service, nodes.addresses)
					made.keep(service, from)
					services = append(services, derived{service, from})
				}
			}
		case "Job.batch", "CronJob.batch", "ReplicationController":
			if len(known.children[keyOf(from)]) == 0 {
				fmt.Fprintf(notes, "note: %s: %s: the Pods of this kind are left out\n", from.location, from)
			}
		case "Certificate.cert-manager.io":
			secret, err := secretOf(from)
			if err != nil {
				errs.add(from, "%v", err)
				continue
			}
			// If the manifests also contain the Certificate's Secret (as a dump of a cluster may), no placeholder Secret is made.
			if _, ok := known.objects[key{"Secret", secret.Namespace, secret.Name}]; !ok {
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
	return made, errs.err()
}

// The decoder for Kubernetes' own kinds. It rejects unknown fields. (An API server only warns about an unknown field, and drops the
// field.)
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
