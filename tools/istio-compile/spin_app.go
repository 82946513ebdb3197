package main

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// spinAppSpec has the fields of a SpinApp that determine its Pods, and those that spin-operator's webhook checks without a cluster.
type spinAppSpec struct {
	Replicas           int32
	EnableAutoscaling  bool
	PodLabels          map[string]string
	PodAnnotations     map[string]string
	ServiceAccountName string
	Resources          corev1.ResourceRequirements
	InvocationLimits   map[string]string
}

// validate reports the errors that the webhook would return, in its wording.
func (s spinAppSpec) validate() field.ErrorList {
	var wrong field.ErrorList
	replicas := field.NewPath("spec", "replicas")
	if s.EnableAutoscaling && s.Replicas != 0 {
		wrong = append(wrong, field.Invalid(replicas, s.Replicas, "replicas cannot be set when autoscaling is enabled"))
	}
	if !s.EnableAutoscaling && s.Replicas < 1 {
		wrong = append(wrong, field.Invalid(replicas, s.Replicas, "replicas must be > 0"))
	}
	if memory, there := s.InvocationLimits["memory"]; there {
		path := field.NewPath("spec", "invocationLimits").Key("memory")
		limit, err := resource.ParseQuantity(memory)
		if err != nil {
			return append(wrong, field.Invalid(path, memory, "memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)"))
		}
		kind := "limit"
		most, there := s.Resources.Limits[corev1.ResourceMemory]
		if !there {
			kind = "request"
			most, there = s.Resources.Requests[corev1.ResourceMemory]
		}
		if there && limit.Cmp(most) > 0 {
			wrong = append(wrong, field.Invalid(path, limit.String(),
				fmt.Sprintf("invocation limit quantity cannot be greater than the memory %s (%s)", kind, most.String())))
		}
	}
	return wrong
}

// spinApp is the Deployment that spin-operator 0.6.1 makes from a SpinApp. Its Pods have the labels of the SpinApp, overridden by the
// operator's own, and one port, `http-app`. A SpinApp that the operator's webhook rejects is rejected in the webhook's wording.
func spinApp(from object) (template, error) {
	app, err := read[struct{ Spec spinAppSpec }](from)
	if err != nil {
		return template{}, err
	}
	spec := app.Spec
	if wrong := spec.validate(); len(wrong) > 0 {
		return template{}, wrong.ToAggregate()
	}
	replicas := &spec.Replicas
	if spec.EnableAutoscaling {
		// The autoscaler sets the number; it starts from a Deployment's default.
		replicas = nil
	}
	ready := "core.spinkube.dev/app." + from.GetName() + ".status"
	// The API server rejects such a Deployment, and the operator retries forever.
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
