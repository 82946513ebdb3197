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

// object is one manifest, and the file and line from which it comes.
type object struct {
	*unstructured.Unstructured
	location location
}

func (o object) String() string {
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	return o.GetKind() + " " + name
}

// The command-line argument that means: read manifests from the standard input.
const standardInput = "-"

// render reads all manifests, renders the kustomizations, and applies the components to all manifests. If a manifest does not name
// a namespace, it gets the namespace that is passed to render.
func render(inputs, components []string, namespace string, input io.Reader) ([]object, error) {
	overlay, err := os.MkdirTemp("", "istio-compile-")
	if err != nil {
		return nil, failure{err, exitSoftware}
	}
	defer os.RemoveAll(overlay)
	// The paths of the inputs become relative to the folder `overlay`, because kustomize rejects absolute paths. kustomize resolves
	// symbolic links before it compares paths, so they are resolved here too.
	if overlay, err = filepath.EvalSymlinks(overlay); err != nil {
		return nil, failure{err, exitSoftware}
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
			return nil, failure{err, exitSoftware}
		}
		inputs = slices.Replace(slices.Clone(inputs), at, at+1, sources.standardInput())
	}
	if kustomization.Resources, err = sources.readAll(inputs); err != nil {
		return nil, failure{err, exitUsage}
	}
	if kustomization.Components, err = sources.readAll(components); err != nil {
		return nil, failure{err, exitUsage}
	}
	if len(sources.errs) > 0 {
		return nil, sources.errs.err()
	}
	text, err := yaml.Marshal(kustomization)
	if err == nil {
		err = os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), text, 0o600)
	}
	if err != nil {
		return nil, failure{err, exitSoftware}
	}
	settings := krusty.MakeDefaultOptions()
	// By default kustomize rejects files outside the overlay folder. This restriction is off, because an input may be a file
	// elsewhere.
	settings.LoadRestrictions = types.LoadRestrictionsNone
	rendered, err := krusty.MakeKustomizer(settings).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		return nil, fmt.Errorf("kustomize: %s", innermostError(err))
	}
	var objects []object
	for _, resource := range rendered.Resources() {
		read := object{Unstructured: &unstructured.Unstructured{}}
		// The conversion to JSON turns numeric keys of maps into strings. kubectl does the same.
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
		read.location = sources.locationOf(read.Unstructured)
		if read.GetNamespace() == "" && !clusterScoped(read) {
			read.SetNamespace(namespace)
		}
		objects = append(objects, read)
	}
	return objects, nil
}

func resolvePath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// innermostError reduces a kustomize error to the part about the innermost folder. kustomize adds a clause for each
// kustomization that includes this folder; these clauses are removed.
func innermostError(err error) string {
	text := err.Error()
	const clause = "recursed accumulation of path "
	if at := strings.LastIndex(text, clause); at >= 0 {
		text = text[at+len(clause):]
	}
	return strings.TrimSpace(text)
}
