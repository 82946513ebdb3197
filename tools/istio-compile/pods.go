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

// workload is a Pod, as it is written to workloads.json.
type workload struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// The name of the manifest from which the Pod is derived. This manifest may be the Pod itself.
	Owner          string            `json:"owner"`
	Kind           string            `json:"kind"`
	ServiceAccount string            `json:"service_account"`
	IP             string            `json:"ip"`
	Labels         map[string]string `json:"labels"`
	// The kind of the Pod's proxy; empty if the Pod has no proxy.
	Proxy proxy `json:"proxy,omitempty"`
	// The value of the annotation sidecar.istio.io/interceptionMode, in capitals. Empty if the Pod does not have the annotation;
	// iptables then redirects the traffic.
	interception string
	locality     string
}

// template is the Pod template in a workload's manifest, and the number of Pods.
type template struct {
	corev1.PodTemplateSpec
	replicas int
}

// The maximum number of Pods of one workload. A larger number is rejected, because it is probably a mistake.
const maxReplicas = 100

// templateOf reads the template from a manifest from which Pods are derived. `nodes` is the number of nodes, and so the number of
// Pods of a DaemonSet.
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
	switch typed := read.(type) {
	case *corev1.Pod:
		return template{corev1.PodTemplateSpec{ObjectMeta: typed.ObjectMeta, Spec: typed.Spec}, 1}, nil
	case *appsv1.Deployment:
		return replicated(typed.Spec.Template, typed.Spec.Replicas)
	case *appsv1.StatefulSet:
		return replicated(typed.Spec.Template, typed.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return replicated(typed.Spec.Template, typed.Spec.Replicas)
	case *appsv1.DaemonSet:
		// If the manifest comes from a dump of a cluster, its status contains the number of Pods that the cluster had.
		if scheduled := typed.Status.DesiredNumberScheduled; scheduled > 0 {
			return template{typed.Spec.Template, int(scheduled)}, nil
		}
		return template{typed.Spec.Template, nodes}, nil
	}
	return template{}, fmt.Errorf("istio-compile does not support the apiVersion %s of this kind", from.GetAPIVersion())
}

// read decodes the needed fields of a manifest whose kind has no complete Go type here.
func read[T any](from object) (T, error) {
	var into T
	text, err := from.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, &into)
	}
	return into, err
}

func replicated(podTemplate corev1.PodTemplateSpec, replicas *int32) (template, error) {
	if replicas == nil {
		return template{podTemplate, 1}, nil
	}
	if *replicas < 0 || *replicas > maxReplicas {
		return template{}, fmt.Errorf("spec.replicas is %d: expected 0 to %d", *replicas, maxReplicas)
	}
	return template{podTemplate, int(*replicas)}, nil
}

// scheduler assigns names, zones, sidecars and addresses to Pods.
type scheduler struct {
	known      catalog
	zones      []string
	namespaces namespaces
	addresses  addresses
	names      map[key]bool
}

// podOf makes the Pod of one replica. The Pod is running and ready, and has the sidecar that Istio would inject.
func (s scheduler) podOf(from object, podTemplate template, replica int) (*corev1.Pod, workload) {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: from.GetName(), Namespace: from.GetNamespace(),
			Labels: maps.Clone(podTemplate.Labels), Annotations: maps.Clone(podTemplate.Annotations),
		},
		Spec: corev1.PodSpec{
			ServiceAccountName:       podTemplate.Spec.ServiceAccountName,
			DeprecatedServiceAccount: podTemplate.Spec.DeprecatedServiceAccount,
			HostNetwork:              podTemplate.Spec.HostNetwork,
			Containers:               portContainers(podTemplate.Spec.Containers, func(corev1.Container) bool { return true }),
			InitContainers:           portContainers(podTemplate.Spec.InitContainers, nativeSidecar),
		},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	completePod(&pod.Spec)
	if from.GetKind() != "Pod" {
		pod.Name = s.nameOf(from, replica)
		// Istio derives the workload's name from GenerateName and OwnerReferences.
		pod.GenerateName = from.GetName() + "-"
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(from, from.GroupVersionKind())}
	}
	if kindOf(from) == statefulSetKind {
		// These labels let a Service select a single Pod of the StatefulSet.
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

// nameOf returns the name of a Pod: OWNER-N, or OWNER-KIND-N if another Pod already has the name OWNER-N. This happens if a
// Deployment and the Rollout that replaces it have the same name.
func (s scheduler) nameOf(from object, replica int) string {
	number := strconv.Itoa(replica)
	name := key{podKind, from.GetNamespace(), from.GetName() + "-" + number}
	if pod, ok := s.known.objects[name]; s.names[name] || ok && !s.known.covered(pod) {
		name.name = from.GetName() + "-" + strings.ToLower(from.GetKind()) + "-" + number
	}
	s.names[name] = true
	return name.name
}

// portContainers returns copies of the containers for which `which` is true. The copies have only the fields that Istio and
// Services read.
func portContainers(all []corev1.Container, which func(corev1.Container) bool) []corev1.Container {
	var found []corev1.Container
	for _, one := range all {
		if which(one) {
			found = append(found, corev1.Container{Name: one.Name, Image: one.Image, Ports: slices.Clone(one.Ports), RestartPolicy: one.RestartPolicy})
		}
	}
	return found
}

func nativeSidecar(container corev1.Container) bool {
	return container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
