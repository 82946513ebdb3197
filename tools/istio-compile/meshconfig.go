package main

import (
	"fmt"
	"os"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/util/protomarshal"
	"sigs.k8s.io/yaml"
)

// readMeshConfig reads a MeshConfig. The file contains either the MeshConfig itself or an IstioOperator, whose spec.meshConfig is
// then read. Fields that the file omits get Istio's defaults. An unknown field is an error, although Istio would ignore it.
func readMeshConfig(path string) (*meshconfig.MeshConfig, error) {
	if path == "" {
		return mesh.DefaultMeshConfig(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, failure{err, exitUsage}
	}
	if _, err := documents(text); err != nil {
		return nil, fmt.Errorf("%s: %s", location{path, err.line}, err.text)
	}
	var operator struct {
		Kind string
		Spec struct {
			MeshConfig map[string]any `json:"meshConfig"`
		}
	}
	if err := yaml.Unmarshal(text, &operator); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if operator.Kind == "IstioOperator" {
		if text, err = yaml.Marshal(operator.Spec.MeshConfig); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	read, err := (*meshconfig.MeshConfig)(nil), protomarshal.ApplyYAMLStrict(string(text), &meshconfig.MeshConfig{})
	if err == nil {
		read, err = mesh.ApplyMeshConfigDefaults(string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: mesh config: %w", path, err)
	}
	return read, nil
}
