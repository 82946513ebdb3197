package manifests

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// renderFolder renders the kustomization in a folder, as `kubectl apply -k` does.
func renderFolder(t *testing.T, folder string) []byte {
	t.Helper()
	settings := krusty.MakeDefaultOptions()
	// The order that kubectl uses unless the kustomization sets sortOptions.
	settings.Reorder = krusty.ReorderOptionLegacy
	return render(t, folder, settings)
}

// renderTemporary renders a kustomization in a temporary folder. The kustomization may name files outside the folder, which kustomize
// rejects by default.
func renderTemporary(t *testing.T, folder string) []byte {
	t.Helper()
	settings := krusty.MakeDefaultOptions()
	settings.LoadRestrictions = types.LoadRestrictionsNone
	return render(t, folder, settings)
}

func render(t *testing.T, folder string, settings *krusty.Options) []byte {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(settings).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatalf("kustomize: %v", err)
	}
	made, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// temporaryFolder returns a folder for a kustomization, and a function that returns the path of a file of the repository relative to the
// folder. kustomize rejects absolute paths.
func temporaryFolder(t *testing.T) (string, func(path string) string) {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return folder, func(path string) string {
		absolute, err := filepath.Abs(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		relative, err := filepath.Rel(folder, absolute)
		if err != nil {
			t.Fatal(err)
		}
		return relative
	}
}

// documents splits rendered manifests into their YAML documents.
func documents(rendered []byte) []string { return strings.Split(string(rendered), "\n---\n") }

// objects returns the objects of rendered manifests.
func objects(t *testing.T, rendered []byte) []unstructured.Unstructured {
	t.Helper()
	var found []unstructured.Unstructured
	for _, document := range documents(rendered) {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		found = append(found, object)
	}
	return found
}
