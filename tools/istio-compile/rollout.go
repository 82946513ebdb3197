package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// rolloutSpec has the fields of an Argo Rollout that determine its Pods.
type rolloutSpec struct {
	Spec struct {
		Replicas *int32
		Template map[string]any
		// A workload whose template the Rollout uses.
		WorkloadRef *struct {
			APIVersion, Kind, Name string
			// Whether Argo scales the workload down: `never`, `onsuccess` or `progressively`.
			ScaleDown string
		}
	}
}

// rollout reads the Pods of an Argo Rollout with one release. They are those of a Deployment, from its own template or a workload's.
func rollout(from object, among catalog) (template, error) {
	asked, err := read[rolloutSpec](from)
	if err != nil {
		return template{}, err
	}
	pods := asked.Spec.Template
	if reference := asked.Spec.WorkloadRef; reference != nil {
		other, there := among.objects[key{kindIn(reference.APIVersion, reference.Kind), from.GetNamespace(), reference.Name}]
		if !there {
			return template{}, fmt.Errorf("spec.workloadRef: there is no %s %s/%s among the manifests", reference.Kind, from.GetNamespace(), reference.Name)
		}
		path := []string{"spec", "template"}
		if kindOf(other) == "PodTemplate" {
			path = path[1:]
		}
		if pods, _, err = unstructured.NestedMap(other.Object, path...); err != nil {
			return template{}, fmt.Errorf("spec.workloadRef: %w", err)
		}
	}
	// The Go type of a Deployment reveals unknown fields.
	deployment := object{&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "spec": map[string]any{"template": pods},
	}}, from.place}
	made, err := templateOf(deployment, 1, among)
	if err != nil {
		return template{}, err
	}
	return replicated(made.PodTemplateSpec, asked.Spec.Replicas)
}

// scaledDown reports whether a Rollout replaces the Pods of this workload, so that Argo scales it to zero.
func (c catalog) scaledDown(workload object) bool {
	for _, other := range c.objects {
		if kindOf(other) != rolloutKind || other.GetNamespace() != workload.GetNamespace() {
			continue
		}
		asked, err := read[rolloutSpec](other)
		// A Rollout that cannot be read is reported where its own Pods are derived.
		if err != nil || asked.Spec.WorkloadRef == nil {
			continue
		}
		reference := asked.Spec.WorkloadRef
		scales := reference.ScaleDown == "onsuccess" || reference.ScaleDown == "progressively"
		if scales && reference.Kind == workload.GetKind() && reference.Name == workload.GetName() {
			return true
		}
	}
	return false
}
