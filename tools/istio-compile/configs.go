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

// schemas describes all kinds of Istio's own API, in all versions.
var schemas = collections.Pilot

func schemaOf(manifest object) (resource.Schema, bool) {
	return schemas.FindByGroupVersionAliasesKind(config.FromKubernetesGVK(manifest.GroupVersionKind()))
}

// clusterScoped reports whether objects of this kind have no namespace. It returns false for a kind that Istio does not know,
// because istio-compile reads only a few such kinds, and their objects always have a namespace.
func clusterScoped(manifest object) bool {
	schema, known := collections.All.FindByGroupVersionAliasesKind(config.FromKubernetesGVK(manifest.GroupVersionKind()))
	return known && schema.IsClusterScoped()
}

// istioConfig is a manifest of one of Istio's kinds, decoded into Istio's Go type. It also holds the schema of the kind.
type istioConfig struct {
	config.Config
	schema resource.Schema
	from   object
}

// configs decodes the manifests of Istio's own kinds. An unknown field is an error, although Kubernetes would drop it silently.
func configs(objects []object) ([]istioConfig, error) {
	var errs messageList
	var found []istioConfig
	for _, from := range objects {
		schema, known := schemaOf(from)
		if !known {
			continue
		}
		read, err := configOf(from, schema)
		if err != nil {
			errs.add(from, "%v", err)
			continue
		}
		found = append(found, istioConfig{*read, schema, from})
	}
	return found, errs.err()
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
	setVersion(&read.Meta, text)
	return read, nil
}

func strict(schema resource.Schema, text string) (config.Spec, error) {
	spec, err := schema.NewInstance()
	if err != nil {
		return nil, err
	}
	return spec, config.ApplyJSONStrict(spec, text)
}

// The creation time that every object gets. It is constant so that the same manifests give the same output.
var creationTime = metav1.NewTime(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC))

// setVersion sets a manifest's resource version and creation time, as a cluster would. The version is a hash of the content, and
// the time is constant. Otherwise Istio's output would change from run to run.
func setVersion(meta *config.Meta, content []byte) {
	sum := sha256.Sum256(content)
	meta.ResourceVersion = hex.EncodeToString(sum[:8])
	meta.CreationTimestamp = creationTime.Time
}
