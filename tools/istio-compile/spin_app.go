package main

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// spinApp is what spin-operator 0.6.1 makes of a SpinApp: a Deployment whose Pods have the labels of the SpinApp, overridden by the
// operator's own, and one port, `http-app`. A SpinApp that the operator's webhook rejects is rejected with the webhook's words.
func spinApp(from object) (template, error) {
	app, err := read[struct {
		Spec struct {
			Replicas           int32
			EnableAutoscaling  bool
			PodLabels          map[string]string
			PodAnnotations     map[string]string
			ServiceAccountName string
		}
	}](from)
	if err != nil {
		return template{}, err
	}
	spec := app.Spec
	replicas := &spec.Replicas
	path := field.NewPath("spec", "replicas")
	switch {
	case spec.EnableAutoscaling && spec.Replicas != 0:
		return template{}, field.Invalid(path, spec.Replicas, "replicas cannot be set when autoscaling is enabled")
	case spec.EnableAutoscaling:
		// The autoscaler decides; it starts from a Deployment's default.
		replicas = nil
	case spec.Replicas < 1:
		return template{}, field.Invalid(path, spec.Replicas, "replicas must be > 0")
	}
	ready := "core.spinkube.dev/app." + from.GetName() + ".status"
	// The API server rejects the Deployment, and the operator retries without end.
	if wrong := content.IsLabelKey(ready); len(wrong) > 0 {
		return template{}, fmt.Errorf("metadata.name: the operator's label %s: %s", ready, strings.Join(wrong, "; "))
	}
	var made corev1.PodTemplateSpec
	made.Labels = map[string]string{}
	maps.Copy(made.Labels, spec.PodLabels)
	made.Labels["core.spinkube.dev/app-name"] = from.GetName()
	made.Labels[ready] = "ready"
	made.Annotations = spec.PodAnnotations
	made.Spec.ServiceAccountName = spec.ServiceAccountName
	made.Spec.Containers = []corev1.Container{{Name: from.GetName(), Ports: []corev1.ContainerPort{{Name: "http-app", ContainerPort: 80}}}}
	return replicated(made, replicas)
}
