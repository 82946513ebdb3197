package fetch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"istio.io/api/extensions/v1alpha1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     json.RawMessage
}

// renderPlugins renders istio/plugins and applies these components, as a user's overlay would. It returns a map from name to
// WasmPlugin. It decodes every WasmPlugin into the type of Istio's API, so an unknown field is an error.
func renderPlugins(t *testing.T, components ...string) map[string]*v1alpha1.WasmPlugin {
	t.Helper()
	plugins, err := filepath.Abs(filepath.Join(root, "istio/plugins"))
	if err != nil {
		t.Fatal(err)
	}
	overlay := t.TempDir()
	// kustomize rejects absolute paths.
	relative := func(folder string) string {
		path, err := filepath.Rel(overlay, folder)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [" + relative(plugins) + "]\n"
	text += "components:\n"
	for _, component := range components {
		text += "  - " + relative(filepath.Join(plugins, "rollout", component)) + "\n"
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		t.Fatalf("%v: %v", components, err)
	}
	found := map[string]*v1alpha1.WasmPlugin{}
	for _, resource := range rendered.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var read manifest
		if err := yaml.Unmarshal(text, &read); err != nil {
			t.Fatalf("%v: %v\n%s", components, err, text)
		}
		if read.Kind != "WasmPlugin" {
			t.Fatalf("istio/plugins must contain only WasmPlugins, but contains a %s", read.Kind)
		}
		plugin := &v1alpha1.WasmPlugin{}
		if err := protojson.Unmarshal(read.Spec, plugin); err != nil {
			t.Fatalf("%v: %s: %v", components, read.Metadata.Name, err)
		}
		found[read.Metadata.Name] = plugin
	}
	return found
}

func TestEveryStepOfARolloutRenders(t *testing.T) {
	placeholder := "0000000000000000000000000000000000000000000000000000000000000000"
	for _, step := range []struct {
		components                    []string
		payment, gateway, tag, sha256 string
	}{
		{nil, "", "ingressgateway", "0.1.0", ""},
		{[]string{"1-one-workload"}, "first", "ingressgateway-canary", "0.1.0", ""},
		{[]string{"2-fleet"}, "", "ingressgateway", "0.1.0", ""},
		{[]string{"1-one-workload", "3-next-version"}, "first", "ingressgateway-canary", "0.2.0", placeholder},
		{[]string{"2-fleet", "3-next-version"}, "", "ingressgateway", "0.2.0", placeholder},
		{[]string{"2-fleet", "4-back"}, "", "ingressgateway", "0.1.0", placeholder},
	} {
		plugins := renderPlugins(t, step.components...)
		if len(plugins) != 2 {
			t.Fatalf("%v: %d plugins", step.components, len(plugins))
		}
		fault, router := plugins["payment-fault"], plugins["canary-router"]
		if labels := fault.Selector.MatchLabels; labels["app"] != "payment" || labels["rollout"] != step.payment {
			t.Errorf("%v: payment-fault selects the wrong labels: %v", step.components, labels)
		}
		if labels := router.Selector.MatchLabels; labels["istio"] != step.gateway {
			t.Errorf("%v: canary-router selects the wrong labels: %v", step.components, labels)
		}
		for name, plugin := range plugins {
			if want := "oci://registry.example.com/stoa/" + name + ":" + step.tag; plugin.Url != want || plugin.Sha256 != step.sha256 {
				t.Errorf("%v: %s has the wrong url or sha256: %s, %q", step.components, name, plugin.Url, plugin.Sha256)
			}
			if plugin.FailStrategy != v1alpha1.FailStrategy_FAIL_OPEN {
				t.Errorf("%v: %s has the failStrategy %v, expected FAIL_OPEN", step.components, name, plugin.FailStrategy)
			}
		}
	}
}
