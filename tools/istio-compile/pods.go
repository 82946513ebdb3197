package main

import (
	"encoding/json"
	"fmt"
	"maps"
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
	// Which proxy it has, if any.
	Proxy proxy `json:"proxy,omitempty"`
	// How the proxy gets its traffic; empty for iptables.
	interception string
	locality     string
}

// template is what a workload's manifest says about its Pods.
type template struct {
	corev1.PodTemplateSpec
	replicas int
}

// More Pods than this of one workload are taken for a slip.
const replicasAtMost = 100

// templateOf reads a manifest that leads to Pods, on a cluster with this many nodes.
func templateOf(from object, nodes int) (template, error) {
	if from.GetKind() == "SpinApp" {
		return spinApp(from)
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
		return template{of.Spec.Template, nodes}, nil
	}
	return template{}, fmt.Errorf("%s is not a version of it that is known here", from.GetAPIVersion())
}

// spinApp is what spin-operator makes of a SpinApp: its own labels beside those asked for, and one port, `http-app`.
func spinApp(from object) (template, error) {
	app, err := read[struct {
		Spec struct {
			Replicas           *int32
			PodLabels          map[string]string
			PodAnnotations     map[string]string
			ServiceAccountName string
		}
	}](from)
	if err != nil {
		return template{}, err
	}
	var made corev1.PodTemplateSpec
	made.Labels = map[string]string{
		"core.spinkube.dev/app-name":                          from.GetName(),
		"core.spinkube.dev/app." + from.GetName() + ".status": "ready",
	}
	maps.Copy(made.Labels, app.Spec.PodLabels)
	made.Annotations = app.Spec.PodAnnotations
	made.Spec.ServiceAccountName = app.Spec.ServiceAccountName
	made.Spec.Containers = []corev1.Container{{Name: from.GetName(), Ports: []corev1.ContainerPort{{Name: "http-app", ContainerPort: 80}}}}
	return replicated(made, app.Spec.Replicas)
}

// read reads what is needed of a kind that has no Go type here.
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

// podOf makes one Pod, running and ready, with the sidecar that Istio would inject.
func podOf(from object, of template, replica int, zones []string, namespaces namespaces, addresses addresses) (*corev1.Pod, workload) {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: from.GetName(), Namespace: from.GetNamespace(), Labels: maps.Clone(of.Labels), Annotations: maps.Clone(of.Annotations),
		},
		Spec: corev1.PodSpec{ServiceAccountName: of.Spec.ServiceAccountName, HostNetwork: of.Spec.HostNetwork},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	if from.GetKind() != "Pod" {
		pod.Name += "-" + strconv.Itoa(replica)
		// With these Istio finds the workload's name.
		pod.GenerateName = from.GetName() + "-"
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(from, from.GroupVersionKind())}
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default"
	}
	for _, container := range of.Spec.Containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: container.Name, Image: container.Image, Ports: container.Ports})
	}
	zone := ""
	if len(zones) > 0 {
		zone = zones[replica%len(zones)]
		pod.Spec.NodeName = nodeName(zone)
	}
	pod.Status.PodIP = addresses.next(podNetwork, "pod "+pod.Namespace+"/"+pod.Name)
	pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	proxy := namespaces.inject(pod, from.GetName())
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
