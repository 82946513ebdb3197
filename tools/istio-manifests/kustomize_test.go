package manifests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// buildOverlay renders an overlay with these lines in its kustomization. The overlay's only resource is k8s/base.
func buildOverlay(t *testing.T, lines string) string {
	t.Helper()
	folder, relative := temporaryFolder(t)
	text := "resources: [" + relative("k8s/base") + "]\nsortOptions: {order: fifo}\n" + lines
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return string(renderTemporary(t, folder))
}

// kustomize changes only kinds that it knows, and does not report that it left out a SpinApp. k8s/base/spin-app.yaml teaches it the
// fields of a SpinApp.
func TestAnOverlayChangesImagesReplicasAndSecretsOfSpinApps(t *testing.T) {
	secret := func(value string) string {
		return "secretGenerator: [{name: cart-database, namespace: shop, literals: [url=" + value + "]}]\n"
	}
	reference := regexp.MustCompile(`name: (cart-database\S*)`)
	overlay := buildOverlay(t, secret("one")+`
images:
  - {name: registry.example.com/stoa/shop, newName: acr.example.com/shop, newTag: 0.3.0}
replicas:
  - {name: cart-v1, count: 4}
`)
	names := reference.FindAllStringSubmatch(overlay, -1)
	if len(names) != 2 || names[0][1] != names[1][1] || names[0][1] == "cart-database" {
		t.Errorf("expected the same generated name in the Secret and in the SpinApp, found %q", names)
	}
	if changed := reference.FindStringSubmatch(buildOverlay(t, secret("two"))); changed[1] == names[0][1] {
		t.Errorf("a changed secret has the same name %s, so no Pod would restart", changed[1])
	}
	if strings.Contains(overlay, "stoa/shop:") || strings.Count(overlay, "image: acr.example.com/shop:0.3.0") != 9 {
		t.Errorf("expected the new image in 9 SpinApps, found it in %d", strings.Count(overlay, "image: acr.example.com/shop:0.3.0"))
	}
	if strings.Count(overlay, "image: registry.example.com/stoa/shop-canary:0.2.0") != 1 {
		t.Error("the image of product v2 changed too")
	}
	if strings.Count(overlay, "replicas: 4") != 1 {
		t.Error("the number of replicas did not change")
	}
}

// spin-operator rejects a SpinApp if its executor does not exist yet.
func TestAnExecutorStandsBeforeItsSpinApps(t *testing.T) {
	for _, overlay := range kustomizations(t, "k8s/overlays/*") {
		t.Run(filepath.Base(overlay), func(t *testing.T) {
			executors, apps := map[string]bool{}, 0
			for _, object := range objects(t, renderFolder(t, filepath.Join(root, overlay))) {
				switch object.GetKind() {
				case "SpinAppExecutor":
					executors[object.GetNamespace()+"/"+object.GetName()] = true
				case "SpinApp":
					apps++
					executor, _, _ := unstructured.NestedString(object.Object, "spec", "executor")
					if executor = object.GetNamespace() + "/" + executor; !executors[executor] {
						t.Errorf("the SpinApp %s is created before its executor %s", object.GetName(), executor)
					}
				}
			}
			if apps == 0 {
				t.Error("there is no SpinApp")
			}
		})
	}
}
