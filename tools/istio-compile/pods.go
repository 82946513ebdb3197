package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// workload is a Pod. It is written to workloads.json.
type workload struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// The manifest that led to the Pod, which may be the Pod itself.
	Owner          string            `json:"owner"`
	Kind           string            `json:"kind"`
	ServiceAccount string            `json:"service_account"`
	IP             string            `json:"ip"`
	Labels         map[string]string `json:"labels"`
	// The kind of its proxy, if it has one.
	Proxy proxy `json:"proxy,omitempty"`
	// The proxy's interception mode; empty for iptables.
	interception string
	locality     string
}

// template is the specification of the Pods in a workload's manifest.
type template struct {
	corev1.PodTemplateSpec
	replicas int
}

// Limit of Pods in one workload. A larger number is treated as a mistake.
const replicasAtMost = 100

// templateOf reads a manifest that leads to Pods, on a cluster with this many nodes.
func templateOf(from object, nodes int, among catalog) (template, error) {
	switch kindOf(from) {
	case spinAppKind:
		return spinApp(from)
	case rolloutKind:
		return rollout(from, among)
	}
	if among.scaledDown(from) {
		return template{}, nil
	}
	read, err := decode(from)
	if err != nil {
		return template{}, err
	}
	switch of := read.(type) {
	case *corev1.Pod:
		return template{corev1.PodTemplateSpec{ObjectMeta: of.ObjectMeta, Spec: of.Spec}, 1}, nil
	case *appsv1.Deployment:
		return replicated(of.Spec.Template, of.Spec.Replicas)
	case *appsv1.StatefulSet:
		return replicated(of.Spec.Template, of.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return replicated(of.Spec.Template, of.Spec.Replicas)
	case *appsv1.DaemonSet:
		// A dump of a cluster has the cluster's own count.
		if scheduled := of.Status.DesiredNumberScheduled; scheduled > 0 {
			return template{of.Spec.Template, int(scheduled)}, nil
		}
		return template{of.Spec.Template, nodes}, nil
	}
	return template{}, fmt.Errorf("%s is not a version of it that is known here", from.GetAPIVersion())
}

// read reads the needed fields of a kind that has no Go type here.
func read[T any](from object) (T, error) {
	var into T
	text, err := from.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, &into)
	}
	return into, err
}

func replicated(of corev1.PodTemplateSpec, replicas *int32) (template, error) {
	if replicas == nil {
		return template{of, 1}, nil
	}
	if *replicas < 0 || *replicas > replicasAtMost {
		return template{}, fmt.Errorf("spec.replicas is %d: expected 0 to %d", *replicas, replicasAtMost)
	}
	return template{of, int(*replicas)}, nil
}

// scheduler gives Pods their names, zones, sidecars and addresses.
type scheduler struct {
	known      catalog
	zones      []string
	namespaces namespaces
	addresses  addresses
	names      map[key]bool
}

// podOf makes one Pod, running and ready, with the sidecar that Istio would inject.
func (s scheduler) podOf(from object, of template, replica int) (*corev1.Pod, workload) {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: from.GetName(), Namespace: from.GetNamespace(), Labels: maps.Clone(of.Labels), Annotations: maps.Clone(of.Annotations),
		},
		Spec: corev1.PodSpec{
			ServiceAccountName:       of.Spec.ServiceAccountName,
			DeprecatedServiceAccount: of.Spec.DeprecatedServiceAccount,
			HostNetwork:              of.Spec.HostNetwork,
			Containers:               served(of.Spec.Containers, func(corev1.Container) bool { return true }),
			InitContainers:           served(of.Spec.InitContainers, nativeSidecar),
		},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	completePod(&pod.Spec)
	if from.GetKind() != "Pod" {
		pod.Name = s.nameOf(from, replica)
		// Istio derives the workload's name from these fields.
		pod.GenerateName = from.GetName() + "-"
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(from, from.GroupVersionKind())}
	}
	if kindOf(from) == statefulSetKind {
		// A Service for one Pod selects these labels.
		metav1.SetMetaDataLabel(&pod.ObjectMeta, appsv1.StatefulSetPodNameLabel, pod.Name)
		metav1.SetMetaDataLabel(&pod.ObjectMeta, appsv1.PodIndexLabel, strconv.Itoa(replica))
	}
	zone := ""
	if len(s.zones) > 0 {
		zone = s.zones[replica%len(s.zones)]
		pod.Spec.NodeName = nodeName(zone)
	}
	pod.Status.PodIP = s.addresses.next(podNetwork, "pod "+pod.Namespace+"/"+pod.Name)
	pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	proxy := s.namespaces.inject(pod, from.GetName())
	return pod, workload{
		Namespace:      pod.Namespace,
		Pod:            pod.Name,
		Owner:          from.GetName(),
		Kind:           from.GetKind(),
		ServiceAccount: pod.Spec.ServiceAccountName,
		IP:             pod.Status.PodIP,
		Labels:         pod.Labels,
		Proxy:          proxy,
		interception:   strings.ToUpper(pod.Annotations["sidecar.istio.io/interceptionMode"]),
		locality:       zone,
	}
}

// nameOf is OWNER-N, or OWNER-KIND-N if another Pod has that name: a Deployment and the Rollout that replaces it may share a name.
func (s scheduler) nameOf(from object, replica int) string {
	number := strconv.Itoa(replica)
	name := key{podKind, from.GetNamespace(), from.GetName() + "-" + number}
	if pod, there := s.known.objects[name]; s.names[name] || there && !s.known.covered(pod) {
		name.name = from.GetName() + "-" + strings.ToLower(from.GetKind()) + "-" + number
	}
	s.names[name] = true
	return name.name
}

// served are the containers that can be behind a Service, reduced to the fields that matter.
func served(all []corev1.Container, which func(corev1.Container) bool) []corev1.Container {
	var found []corev1.Container
	for _, one := range all {
		if which(one) {
			found = append(found, corev1.Container{Name: one.Name, Image: one.Image, Ports: slices.Clone(one.Ports), RestartPolicy: one.RestartPolicy})
		}
	}
	return found
}

func nativeSidecar(of corev1.Container) bool {
	return of.RestartPolicy != nil && *of.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
