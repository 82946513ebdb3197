package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
)

// schemas are all kinds of Istio's own API, in all their versions.
var schemas = collections.Pilot

func schemaOf(of object) (resource.Schema, bool) {
	return schemas.FindByGroupVersionAliasesKind(config.FromKubernetesGVK(of.GroupVersionKind()))
}

// clusterScoped reports whether objects of this kind have no namespace, if Istio knows the kind. All other kinds here lead to objects
// in a namespace.
func clusterScoped(of object) bool {
	schema, known := collections.All.FindByGroupVersionAliasesKind(config.FromKubernetesGVK(of.GroupVersionKind()))
	return known && schema.IsClusterScoped()
}

// istioConfig is a manifest in Istio's own type.
type istioConfig struct {
	config.Config
	schema resource.Schema
	from   object
}

// configs reads Istio's own manifests. An unknown field, which Kubernetes would drop silently, is an error.
func configs(objects []object) ([]istioConfig, error) {
	var wrong faults
	var found []istioConfig
	for _, from := range objects {
		schema, known := schemaOf(from)
		if !known {
			continue
		}
		read, err := configOf(from, schema)
		if err != nil {
			wrong.add(from, "%v", err)
			continue
		}
		found = append(found, istioConfig{*read, schema, from})
	}
	return found, wrong.err()
}

func configOf(from object, schema resource.Schema) (*config.Config, error) {
	text, err := from.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var raw crd.IstioKind
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	read, err := crd.ConvertObjectInternal(schema, &raw, "cluster.local", strict)
	if err != nil {
		return nil, err
	}
	versioned(&read.Meta, text)
	return read, nil
}

func strict(schema resource.Schema, text string) (config.Spec, error) {
	spec, err := schema.NewInstance()
	if err != nil {
		return nil, err
	}
	return spec, config.ApplyJSONStrict(spec, text)
}

// The creation time of every object.
var epoch = metav1.NewTime(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC))

// versioned sets a manifest's resource version and creation time, as a cluster would. They are the same for the same content;
// otherwise Istio's output would change from run to run.
func versioned(meta *config.Meta, content []byte) {
	sum := sha256.Sum256(content)
	meta.ResourceVersion = hex.EncodeToString(sum[:8])
	meta.CreationTimestamp = epoch.Time
}
