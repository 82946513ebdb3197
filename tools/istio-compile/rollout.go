package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// rolloutManifest has the fields of an Argo Rollout that determine its Pods.
type rolloutManifest struct {
	Spec struct {
		Replicas *int32
		Template map[string]any
		// The workload whose Pod template the Rollout uses instead of a template of its own.
		WorkloadRef *struct {
			APIVersion, Kind, Name string
			// Whether and when Argo scales the referenced workload down to zero: `never`, `onsuccess` or `progressively`.
			ScaleDown string
		}
	}
}

// rollout reads the Pod template of an Argo Rollout that runs only one release. This is the Rollout's own template, or the template
// of the workload that spec.workloadRef names.
func rollout(from object, among catalog) (template, error) {
	manifest, err := read[rolloutManifest](from)
	if err != nil {
		return template{}, err
	}
	pods := manifest.Spec.Template
	if reference := manifest.Spec.WorkloadRef; reference != nil {
		other, ok := among.objects[key{kindIn(reference.APIVersion, reference.Kind), from.GetNamespace(), reference.Name}]
		if !ok {
			return template{}, fmt.Errorf("spec.workloadRef: %s %s/%s is not among the manifests", reference.Kind, from.GetNamespace(), reference.Name)
		}
		path := []string{"spec", "template"}
		if kindOf(other) == "PodTemplate" {
			path = path[1:]
		}
		if pods, _, err = unstructured.NestedMap(other.Object, path...); err != nil {
			return template{}, fmt.Errorf("spec.workloadRef: %w", err)
		}
	}
	// There is no Go type for Rollouts here. Therefore the Rollout's template is decoded as the template of a Deployment, which
	// reports unknown fields.
	deployment := object{&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "spec": map[string]any{"template": pods},
	}}, from.location}
	made, err := templateOf(deployment, 1, among)
	if err != nil {
		return template{}, err
	}
	return replicated(made.PodTemplateSpec, manifest.Spec.Replicas)
}

// scaledDown reports whether a Rollout names this workload in its workloadRef, and Argo scales the workload down to zero.
func (c catalog) scaledDown(workload object) bool {
	for _, other := range c.objects {
		if kindOf(other) != rolloutKind || other.GetNamespace() != workload.GetNamespace() {
			continue
		}
		manifest, err := read[rolloutManifest](other)
		// A Rollout that cannot be decoded is skipped here. Its error is reported when the Rollout's own Pods are derived.
		if err != nil || manifest.Spec.WorkloadRef == nil {
			continue
		}
		reference := manifest.Spec.WorkloadRef
		scales := reference.ScaleDown == "onsuccess" || reference.ScaleDown == "progressively"
		if scales && reference.Kind == workload.GetKind() && reference.Name == workload.GetName() {
			return true
		}
	}
	return false
}
