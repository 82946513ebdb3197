package main

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/kube/inject"
)

// proxy is the kind of proxy that a Pod has: none, a sidecar, or a gateway.
type proxy string

const (
	none    proxy = ""
	sidecar proxy = "sidecar"
	gateway proxy = "gateway"
)

const (
	injectLabel            = "sidecar.istio.io/inject"
	revisionLabel          = "istio.io/rev"
	canonicalNameLabel     = "service.istio.io/canonical-name"
	canonicalRevisionLabel = "service.istio.io/canonical-revision"
	tlsModeLabel           = "security.istio.io/tlsMode"
	// The injector writes this annotation. A Pod that has the annotation already has a proxy.
	injectedAnnotation = "sidecar.istio.io/status"
)

// injection is the setting for sidecar injection that the labels of a namespace contain.
type injection int

const (
	unset injection = iota
	enabled
	disabled
)

type namespaces map[string]injection

// namespacesOf reads the injection setting of each Namespace from the Namespace's labels, as the selectors of Istio's webhooks do.
// If a label names a revision of Istio, the name of the revision does not matter.
func namespacesOf(objects []object) namespaces {
	found := namespaces{}
	for _, from := range objects {
		if from.GroupVersionKind().GroupKind().String() != "Namespace" {
			continue
		}
		label, labelled := from.GetLabels()["istio-injection"]
		_, revised := from.GetLabels()[revisionLabel]
		switch {
		case label == "enabled", revised && !labelled:
			found[from.GetName()] = enabled
		case labelled:
			found[from.GetName()] = disabled
		}
	}
	return found
}

// wantsProxy reports whether Istio would inject a proxy into the Pod. Istio does so only if the API server calls Istio's webhook
// for the Pod, and the webhook decides to inject a proxy.
func (n namespaces) wantsProxy(pod *corev1.Pod) bool {
	if pod.Annotations[injectedAnnotation] != "" {
		return true
	}
	label := pod.Labels[injectLabel]
	called := false
	switch n[pod.Namespace] {
	case enabled:
		called = label != "false"
	case unset:
		called = label == "true" || label != "false" && pod.Labels[revisionLabel] != ""
	}
	setting := label
	if _, labelled := pod.Labels[injectLabel]; !labelled {
		setting = pod.Annotations[injectLabel]
	}
	return called && setting != "false" && !pod.Spec.HostNetwork && !inject.IgnoredNamespaces.Contains(pod.Namespace)
}

// inject changes a Pod as Istio's injector does, in all fields that the control plane reads.
func (n namespaces) inject(pod *corev1.Pod, owner string) proxy {
	if !n.wantsProxy(pod) {
		return none
	}
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	label := func(name, otherwise string, from ...string) {
		for _, from := range append([]string{name}, from...) {
			if value := pod.Labels[from]; value != "" {
				pod.Labels[name] = value
				return
			}
		}
		pod.Labels[name] = otherwise
	}
	label(canonicalNameLabel, owner, "app.kubernetes.io/name", "app")
	label(canonicalRevisionLabel, "latest", "app.kubernetes.io/version", "version")
	label(tlsModeLabel, "istio")
	pod.Annotations[injectedAnnotation] = "{}"
	templates := strings.Split(strings.ReplaceAll(pod.Annotations["inject.istio.io/templates"], " ", ""), ",")
	isProxy := func(container corev1.Container) bool { return container.Name == "istio-proxy" }
	pod.Spec.InitContainers = slices.DeleteFunc(pod.Spec.InitContainers, isProxy)
	pod.Spec.Containers = append(slices.DeleteFunc(pod.Spec.Containers, isProxy), corev1.Container{Name: "istio-proxy", Image: "proxyv2"})
	if slices.Contains(templates, "gateway") {
		return gateway
	}
	return sidecar
}
