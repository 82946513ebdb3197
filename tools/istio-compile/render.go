package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// object is one manifest and its source place.
type object struct {
	*unstructured.Unstructured
	place place
}

func (o object) String() string {
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	return o.GetKind() + " " + name
}

// The argument that means the standard input.
const standardInput = "-"

// render reads all manifests, renders kustomizations, and applies the components to all of them. A manifest without a namespace gets the
// given one.
func render(inputs, components []string, namespace string, input io.Reader) ([]object, error) {
	overlay, err := os.MkdirTemp("", "istio-compile-")
	if err != nil {
		return nil, failure{err, software}
	}
	defer os.RemoveAll(overlay)
	// kustomize compares resolved paths, and rejects absolute ones.
	if overlay, err = filepath.EvalSymlinks(overlay); err != nil {
		return nil, failure{err, software}
	}
	sources := sources{overlay: overlay, files: map[string][]document{}}
	var kustomization types.Kustomization
	kustomization.APIVersion, kustomization.Kind = types.KustomizationVersion, types.KustomizationKind
	kustomization.BuildMetadata = []string{types.OriginAnnotations}
	if at := slices.Index(inputs, standardInput); at >= 0 {
		text, err := io.ReadAll(input)
		if err == nil {
			err = os.WriteFile(sources.standardInput(), text, 0o600)
		}
		if err != nil {
			return nil, failure{err, software}
		}
		inputs = slices.Replace(slices.Clone(inputs), at, at+1, sources.standardInput())
	}
	if kustomization.Resources, err = sources.readAll(inputs); err != nil {
		return nil, failure{err, usage}
	}
	if kustomization.Components, err = sources.readAll(components); err != nil {
		return nil, failure{err, usage}
	}
	if len(sources.wrong) > 0 {
		return nil, sources.wrong.err()
	}
	text, err := yaml.Marshal(kustomization)
	if err == nil {
		err = os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), text, 0o600)
	}
	if err != nil {
		return nil, failure{err, software}
	}
	settings := krusty.MakeDefaultOptions()
	// A single file among the inputs is outside the overlay.
	settings.LoadRestrictions = types.LoadRestrictionsNone
	rendered, err := krusty.MakeKustomizer(settings).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		return nil, fmt.Errorf("kustomize: %s", innermost(err))
	}
	var objects []object
	for _, resource := range rendered.Resources() {
		read := object{Unstructured: &unstructured.Unstructured{}}
		// The conversion to JSON turns numeric keys into text, as kubectl does.
		text, err := resource.RNode.String()
		if err == nil {
			var asJSON []byte
			if asJSON, err = yaml.YAMLToJSON([]byte(text)); err == nil {
				err = read.UnmarshalJSON(asJSON)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("kustomize: %s: %w", resource.CurId(), err)
		}
		read.place = sources.placeOf(read.Unstructured)
		if read.GetNamespace() == "" && !clusterScoped(read) {
			read.SetNamespace(namespace)
		}
		objects = append(objects, read)
	}
	return objects, nil
}

func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// innermost reduces kustomize's error to the fault of the innermost folder. Each folder above it adds its own clause.
func innermost(err error) string {
	text := err.Error()
	const clause = "recursed accumulation of path "
	if at := strings.LastIndex(text, clause); at >= 0 {
		text = text[at+len(clause):]
	}
	return strings.TrimSpace(text)
}
