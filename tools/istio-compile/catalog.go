package main

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds that lead to Pods, as kindOf writes them.
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

func kindOf(of object) string { return of.GroupVersionKind().GroupKind().String() }

// kindIn is the kind of a reference.
func kindIn(version, kind string) string {
	return schema.FromAPIVersionAndKind(version, kind).GroupKind().String()
}

// key identifies an object on a cluster.
type key struct{ kind, namespace, name string }

func keyOf(of object) key { return key{kindOf(of), of.GetNamespace(), of.GetName()} }

// catalog finds manifests by kind and name, and by the manifest that owns them. The output of `kubectl get -o yaml` holds, beside a
// Deployment, the ReplicaSets and Pods that a cluster derived from it.
type catalog struct {
	objects  map[key]object
	children map[key][]object
}

// catalogOf fails when two manifests are the same object.
func catalogOf(objects []object) (catalog, error) {
	made := catalog{map[key]object{}, map[key][]object{}}
	var wrong faults
	for _, of := range objects {
		if first, there := made.objects[keyOf(of)]; there {
			wrong.add(of, "%s holds the same object", first.place)
			continue
		}
		made.objects[keyOf(of)] = of
	}
	for _, of := range objects {
		if owner, there := made.owner(of); there {
			made.children[keyOf(owner)] = append(made.children[keyOf(owner)], of)
		}
	}
	return made, wrong.err()
}

// owner is the manifest of the object's controller. Where the dump leaves that controller out, it is the controller's own controller.
func (c catalog) owner(of object) (object, bool) {
	for _, reference := range of.GetOwnerReferences() {
		controls := reference.Controller != nil && *reference.Controller
		// A reference without `controller` only deletes an object together with its owner. Pods and ReplicaSets have no such references.
		if !controls && kindOf(of) != podKind && kindOf(of) != replicaSetKind {
			continue
		}
		kind := kindIn(reference.APIVersion, reference.Kind)
		if owner, there := c.objects[key{kind, of.GetNamespace(), reference.Name}]; there {
			// An owner that was deleted and created again has another UID.
			return owner, owner.GetUID() == "" || reference.UID == "" || owner.GetUID() == reference.UID
		}
		for _, ancestor := range ancestors(kind, reference.Name, of) {
			if owner, there := c.objects[ancestor]; there {
				return owner, true
			}
		}
	}
	return object{}, false
}

// ancestors are the objects that may control a controller of this kind and name. They follow from the controller's name: a ReplicaSet's
// name is its owner's and a hash, which its Pods have as a label; spin-operator's Deployment has the name of its SpinApp.
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

// covered reports whether another manifest already leads to the same Pods or endpoints as this one.
func (c catalog) covered(of object) bool {
	if kindOf(of) == rolloutKind {
		// Services and subsets select its ReplicaSets' hashes, which the Rollout itself does not hold.
		return slices.ContainsFunc(c.children[keyOf(of)], func(child object) bool { return leadsToPods[kindOf(child)] })
	}
	owner, there := c.owner(of)
	switch {
	case !there:
		return false
	case leadsToPods[kindOf(of)]:
		return leadsToPods[kindOf(owner)] && kindOf(owner) != rolloutKind
	case kindOf(of) == endpointSliceKind && kindOf(owner) == "Service":
		selector, _, _ := unstructured.NestedMap(owner.Object, "spec", "selector")
		return len(selector) > 0
	}
	return false
}

// ended reports whether all containers of a Pod have stopped permanently, as those of a Job's Pod do.
func ended(of object) bool {
	phase, _, _ := unstructured.NestedString(of.Object, "status", "phase")
	return kindOf(of) == podKind && (phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed))
}
