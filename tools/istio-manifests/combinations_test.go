// Package manifests checks every combination of the kustomizations in k8s/ and istio/: kustomize must render the combination, and
// Istio's tools and Kubernetes' schemas must accept the rendered manifests.
package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

const (
	root = "../.."
	mesh = "istio/install/istio.yaml"
)

// combination is a list of resources and components, as a user's kustomization could name them.
type combination struct {
	name                  string
	resources, components []string
}

// combinations returns all combinations to check. Their paths are relative to the root of the repository.
func combinations(t *testing.T) []combination {
	t.Helper()
	const local, rollout = "k8s/overlays/local", "istio/plugins/rollout/"
	base := slices.Clip([]string{"k8s/base", "istio/base"})
	// The manifests of objects that exist on a cluster, but are not in the shop's manifests.
	const gateway, collector = "k8s/overlays/local/cluster.yaml", "tools/istio-manifests/testdata/collector.yaml"
	cluster := []string{gateway, collector, "k8s/overlays/local/operator.yaml"}
	first := "tools/istio-manifests/testdata/first-workloads"
	found := []combination{
		{"base", append(base, cluster...), nil},
		{"base with plugins", append(append(base, "istio/plugins"), cluster...), nil},
		{"rollout: one workload", []string{local}, []string{first, rollout + "1-one-workload"}},
		{"rollout: fleet", []string{local}, []string{rollout + "2-fleet"}},
		{"rollout: one workload, next version", []string{local}, []string{first, rollout + "1-one-workload", rollout + "3-next-version"}},
		{"rollout: fleet, next version", []string{local}, []string{rollout + "2-fleet", rollout + "3-next-version"}},
		{"rollout: fleet, back", []string{local}, []string{rollout + "2-fleet", rollout + "4-back"}},
	}
	for _, overlay := range kustomizations(t, "k8s/overlays/*") {
		resources := []string{overlay}
		switch overlay {
		case local:
		case "k8s/overlays/aks-dev": // with the layer otel, which has the collector
			resources = append(resources, gateway)
		default:
			resources = append(resources, gateway, collector)
		}
		found = append(found, combination{"overlay " + filepath.Base(overlay), resources, nil})
	}
	// Layers that a user may add to an overlay.
	for _, layer := range []string{"hpa", "keda", "debug"} {
		found = append(found, combination{"kind with " + layer, []string{"k8s/overlays/kind", gateway, collector}, []string{"k8s/components/" + layer}})
	}
	found = append(found, combination{"kind with otel", []string{"k8s/overlays/kind", gateway}, []string{"k8s/components/otel"}})
	for _, scenario := range kustomizations(t, "istio/scenarios/*") {
		found = append(found, combination{"scenario " + filepath.Base(scenario), []string{local}, []string{scenario}})
	}
	return found
}

// kustomizations returns the folders that match the pattern `like`. Each folder must have a kustomization.yaml.
func kustomizations(t *testing.T, like string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, like))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			continue
		}
		if _, err := os.Stat(filepath.Join(path, "kustomization.yaml")); err != nil {
			t.Errorf("%s does not contain a kustomization.yaml", path)
		}
		short, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, short)
	}
	return found
}

func TestEveryKustomizationIsInACombination(t *testing.T) {
	known := map[string]bool{}
	var walk func(folder string)
	walk = func(folder string) {
		if known[folder] {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, folder, "kustomization.yaml"))
		if err != nil {
			return
		}
		known[folder] = true
		var read types.Kustomization
		if err := read.Unmarshal(text); err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		for _, inner := range append(read.Resources, read.Components...) {
			walk(filepath.Join(folder, inner))
		}
	}
	for _, one := range combinations(t) {
		for _, folder := range append(one.resources, one.components...) {
			walk(folder)
		}
	}
	for _, tree := range []string{"k8s", "istio"} {
		err := filepath.WalkDir(filepath.Join(root, tree), func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.Name() == "kustomization.yaml" {
				if folder, _ := filepath.Rel(root, filepath.Dir(path)); !known[folder] {
					t.Errorf("%s is not part of any combination", folder)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// render returns kustomize's output for the combination.
func (c combination) render(t *testing.T) []byte {
	t.Helper()
	folder, relative := temporaryFolder(t)
	all := func(paths []string) []string {
		var found []string
		for _, path := range paths {
			found = append(found, relative(path))
		}
		return found
	}
	kustomization := types.Kustomization{Resources: all(c.resources), Components: all(c.components)}
	kustomization.APIVersion, kustomization.Kind = types.KustomizationVersion, types.KustomizationKind
	text, err := yaml.Marshal(kustomization)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return renderTemporary(t, folder)
}

// file makes a file name from the name of the combination.
func (c combination) file() string {
	return strings.NewReplacer(" ", "-", ":", "", ",", "").Replace(c.name) + ".yaml"
}
