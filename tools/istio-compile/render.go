package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/config/mesh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// object is one manifest, and the place it came from.
type object struct {
	*unstructured.Unstructured
	place place
}

// place is a line of a file; it is what a fault names.
type place struct {
	file string
	line int
}

func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

func (o object) String() string {
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	return fmt.Sprintf("%s %s", o.GetKind(), name)
}

// Where kustomize says which file a manifest is from.
const origin = "config.kubernetes.io/origin"

// render reads all manifests, kustomizations rendered, with the components over all of them.
func render(inputs, components []string) ([]object, error) {
	overlay, err := os.MkdirTemp("", "istio-compile-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(overlay)
	// kustomize compares resolved paths, and refuses absolute ones.
	if overlay, err = filepath.EvalSymlinks(overlay); err != nil {
		return nil, err
	}
	kustomization := types.Kustomization{BuildMetadata: []string{types.OriginAnnotations}}
	kustomization.APIVersion, kustomization.Kind = types.KustomizationVersion, types.KustomizationKind
	if kustomization.Resources, err = relative(overlay, inputs); err != nil {
		return nil, err
	}
	if kustomization.Components, err = relative(overlay, components); err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(kustomization)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), text, 0o600); err != nil {
		return nil, err
	}
	settings := krusty.MakeDefaultOptions()
	// A single file among the inputs lies outside of the overlay.
	settings.LoadRestrictions = types.LoadRestrictionsNone
	rendered, err := krusty.MakeKustomizer(settings).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		return nil, fmt.Errorf("kustomize: %w", err)
	}
	files := map[string][]byte{}
	var objects []object
	for _, resource := range rendered.Resources() {
		content, err := resource.Map()
		if err != nil {
			return nil, err
		}
		read := object{Unstructured: &unstructured.Unstructured{Object: content}}
		read.place = placeOf(read.Unstructured, overlay, files)
		objects = append(objects, read)
	}
	return objects, nil
}

func relative(overlay string, paths []string) ([]string, error) {
	var found []string
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		path, err := filepath.Abs(path)
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err == nil {
			path, err = filepath.Rel(overlay, path)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, path)
	}
	return found, nil
}

// placeOf takes kustomize's note of the origin away, and finds the line on which the manifest begins.
func placeOf(read *unstructured.Unstructured, overlay string, files map[string][]byte) place {
	annotations := read.GetAnnotations()
	var noted struct {
		Path         string `json:"path"`
		ConfiguredIn string `json:"configuredIn"`
	}
	_ = yaml.Unmarshal([]byte(annotations[origin]), &noted)
	delete(annotations, origin)
	if len(annotations) == 0 {
		annotations = nil
	}
	read.SetAnnotations(annotations)
	path := noted.Path
	if path == "" {
		path = noted.ConfiguredIn
	}
	path = filepath.Join(overlay, path)
	if _, there := files[path]; !there {
		files[path], _ = os.ReadFile(path)
	}
	line := lineOf(files[path], read.GetKind(), read.GetName())
	if here, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(here, path); err == nil {
			path = short
		}
	}
	return place{path, line}
}

// lineOf is the line on which the document with this kind and name begins; 0 where there is none.
func lineOf(text []byte, kind, name string) int {
	line := 1
	for _, document := range bytes.SplitAfter(text, []byte("\n---")) {
		var head struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if yaml.Unmarshal(bytes.TrimSuffix(document, []byte("\n---")), &head) == nil && head.Kind == kind && head.Metadata.Name == name {
			for _, before := range strings.Split(string(document), "\n") {
				if before = strings.TrimSpace(before); before != "" && !strings.HasPrefix(before, "#") && !strings.HasPrefix(before, "---") {
					return line
				}
				line++
			}
		}
		line += bytes.Count(document, []byte("\n"))
	}
	return 0
}

// readMeshConfig reads a MeshConfig over Istio's defaults; an IstioOperator holds it in spec.meshConfig.
func readMeshConfig(path string) (*meshconfig.MeshConfig, error) {
	if path == "" {
		return mesh.DefaultMeshConfig(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
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
	read, err := mesh.ApplyMeshConfigDefaults(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: mesh config: %w", path, err)
	}
	return proto.Clone(read).(*meshconfig.MeshConfig), nil
}

// faults are all that is wrong, each with its place.
type faults []error

func (f *faults) add(at object, format string, arguments ...any) {
	*f = append(*f, fmt.Errorf("%s: %s: %s", at.place, at, fmt.Sprintf(format, arguments...)))
}

func (f faults) err() error { return errors.Join(f...) }
