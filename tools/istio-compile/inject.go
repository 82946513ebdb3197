package main

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/kube/inject"
)

// proxy is the kind of a Pod's proxy.
type proxy string

const (
	none    proxy = ""
	sidecar proxy = "sidecar"
	gateway proxy = "gateway"
)

const (
	injectLabel    = "sidecar.istio.io/inject"
	revision       = "istio.io/rev"
	canonicalName  = "service.istio.io/canonical-name"
	canonicalLevel = "service.istio.io/canonical-revision"
	tlsMode        = "security.istio.io/tlsMode"
	// The injector's own report: a Pod with this annotation was injected.
	injected = "sidecar.istio.io/status"
)

// injection is the setting in a namespace's labels.
type injection int

const (
	unsaid injection = iota
	enabled
	disabled
)

type namespaces map[string]injection

// namespacesOf reads the labels as the selectors of Istio's webhooks do. Every revision counts as the current one.
func namespacesOf(objects []object) namespaces {
	found := namespaces{}
	for _, from := range objects {
		if from.GroupVersionKind().GroupKind().String() != "Namespace" {
			continue
		}
		label, labelled := from.GetLabels()["istio-injection"]
		_, revised := from.GetLabels()[revision]
		switch {
		case label == "enabled", revised && !labelled:
			found[from.GetName()] = enabled
		case labelled:
			found[from.GetName()] = disabled
		}
	}
	return found
}

// wanted reports whether Istio would inject a proxy: whether one of its webhooks is called for the Pod, and decides to inject.
func (n namespaces) wanted(pod *corev1.Pod) bool {
	if pod.Annotations[injected] != "" {
		return true
	}
	label := pod.Labels[injectLabel]
	called := false
	switch n[pod.Namespace] {
	case enabled:
		called = label != "false"
	case unsaid:
		called = label == "true" || label != "false" && pod.Labels[revision] != ""
	}
	asked := label
	if _, labelled := pod.Labels[injectLabel]; !labelled {
		asked = pod.Annotations[injectLabel]
	}
	return called && asked != "false" && !pod.Spec.HostNetwork && !inject.IgnoredNamespaces.Contains(pod.Namespace)
}

// inject changes a Pod as Istio's injector does, as far as it matters to the control plane.
func (n namespaces) inject(pod *corev1.Pod, owner string) proxy {
	if !n.wanted(pod) {
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
	label(canonicalName, owner, "app.kubernetes.io/name", "app")
	label(canonicalLevel, "latest", "app.kubernetes.io/version", "version")
	label(tlsMode, "istio")
	pod.Annotations[injected] = "{}"
	templates := strings.Split(strings.ReplaceAll(pod.Annotations["inject.istio.io/templates"], " ", ""), ",")
	isProxy := func(container corev1.Container) bool { return container.Name == "istio-proxy" }
	pod.Spec.InitContainers = slices.DeleteFunc(pod.Spec.InitContainers, isProxy)
	pod.Spec.Containers = append(slices.DeleteFunc(pod.Spec.Containers, isProxy), corev1.Container{Name: "istio-proxy", Image: "proxyv2"})
	if slices.Contains(templates, "gateway") {
		return gateway
	}
	return sidecar
}
