package main

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds from which Pods are derived, in the form that kindOf returns.
const (
	podKind         = "Pod"
	deploymentKind  = "Deployment.apps"
	replicaSetKind  = "ReplicaSet.apps"
	statefulSetKind = "StatefulSet.apps"
	daemonSetKind   = "DaemonSet.apps"
	spinAppKind     = "SpinApp.core.spinkube.dev"
	rolloutKind     = "Rollout.argoproj.io"
)

const endpointSliceKind = "EndpointSlice.discovery.k8s.io"

var leadsToPods = map[string]bool{
	podKind: true, deploymentKind: true, replicaSetKind: true, statefulSetKind: true, daemonSetKind: true, spinAppKind: true, rolloutKind: true,
}

func kindOf(manifest object) string { return manifest.GroupVersionKind().GroupKind().String() }

// kindIn returns the kind that a reference names by its apiVersion and its kind, in the form that kindOf returns.
func kindIn(version, kind string) string {
	return schema.FromAPIVersionAndKind(version, kind).GroupKind().String()
}

// key identifies an object on a cluster.
type key struct{ kind, namespace, name string }

func keyOf(manifest object) key {
	return key{kindOf(manifest), manifest.GetNamespace(), manifest.GetName()}
}

// catalog finds a manifest by kind and name, and finds all manifests whose owner is a given manifest. Owners matter because the
// output of `kubectl get -o yaml` contains a Deployment together with the ReplicaSets and Pods that the cluster derived from the
// Deployment.
type catalog struct {
	objects  map[key]object
	children map[key][]object
}

// catalogOf makes a catalog of these manifests. It fails if two manifests describe the same object.
func catalogOf(objects []object) (catalog, error) {
	made := catalog{map[key]object{}, map[key][]object{}}
	var errs messageList
	for _, manifest := range objects {
		if first, ok := made.objects[keyOf(manifest)]; ok {
			errs.add(manifest, "the manifest at %s describes the same object", first.location)
			continue
		}
		made.objects[keyOf(manifest)] = manifest
	}
	for _, manifest := range objects {
		if owner, ok := made.owner(manifest); ok {
			made.children[keyOf(owner)] = append(made.children[keyOf(owner)], manifest)
		}
	}
	return made, errs.err()
}

// owner returns the manifest of the object's controller. If the manifests do not contain the controller, owner returns the manifest
// of the controller's own controller, for example the Deployment of a Pod whose ReplicaSet is missing.
func (c catalog) owner(manifest object) (object, bool) {
	for _, reference := range manifest.GetOwnerReferences() {
		controls := reference.Controller != nil && *reference.Controller
		// If `controller` is not set in an owner reference, the reference only means that the object is deleted together with the owner.
		// Such an owner is not the object's controller. Pods and ReplicaSets are different: each of their owner references names a
		// controller.
		if !controls && kindOf(manifest) != podKind && kindOf(manifest) != replicaSetKind {
			continue
		}
		kind := kindIn(reference.APIVersion, reference.Kind)
		if owner, ok := c.objects[key{kind, manifest.GetNamespace(), reference.Name}]; ok {
			// If the UID of the found object differs from the UID in the owner reference, the owner was deleted, and the found object was
			// created later with the owner's name.
			return owner, owner.GetUID() == "" || reference.UID == "" || owner.GetUID() == reference.UID
		}
		for _, ancestor := range ancestors(kind, reference.Name, manifest) {
			if owner, ok := c.objects[ancestor]; ok {
				return owner, true
			}
		}
	}
	return object{}, false
}

// ancestors returns the keys of the objects that may control an object whose manifest is missing. It derives the keys from the
// missing object's kind and name. `child` is an object that the missing object controls. A ReplicaSet is named OWNER-HASH, and its
// Pod (`child`) has HASH as the value of a label. The name without -HASH is the owner's name. A Deployment that spin-operator made
// has the same name as its SpinApp.
func ancestors(kind, name string, child object) []key {
	deployed := func(name string) []key {
		return []key{{deploymentKind, child.GetNamespace(), name}, {spinAppKind, child.GetNamespace(), name}}
	}
	switch kind {
	case deploymentKind:
		return deployed(name)
	case replicaSetKind:
		if owner, cut := strings.CutSuffix(name, "-"+child.GetLabels()["pod-template-hash"]); cut {
			return deployed(owner)
		}
		if owner, cut := strings.CutSuffix(name, "-"+child.GetLabels()["rollouts-pod-template-hash"]); cut {
			return []key{{rolloutKind, child.GetNamespace(), owner}}
		}
	}
	return nil
}

// covered reports whether the Pods or endpoints of this manifest already come from another manifest.
func (c catalog) covered(manifest object) bool {
	if kindOf(manifest) == rolloutKind {
		// Services and subsets select Pods by the hashes of the Rollout's ReplicaSets. The Rollout's manifest does not contain these
		// hashes. So if the manifests contain the Rollout's ReplicaSets or Pods, these are used instead of the Rollout.
		return slices.ContainsFunc(c.children[keyOf(manifest)], func(child object) bool { return leadsToPods[kindOf(child)] })
	}
	owner, ok := c.owner(manifest)
	switch {
	case !ok:
		return false
	case leadsToPods[kindOf(manifest)]:
		return leadsToPods[kindOf(owner)] && kindOf(owner) != rolloutKind
	case kindOf(manifest) == endpointSliceKind && kindOf(owner) == "Service":
		selector, _, _ := unstructured.NestedMap(owner.Object, "spec", "selector")
		return len(selector) > 0
	}
	return false
}

// ended reports whether the object is a Pod whose containers have all stopped permanently, for example the Pod of a finished Job.
func ended(manifest object) bool {
	phase, _, _ := unstructured.NestedString(manifest.Object, "status", "phase")
	return kindOf(manifest) == podKind && (phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed))
}
