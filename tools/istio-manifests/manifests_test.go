package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestIstioHasNothingToSayAboutAnyCombination(t *testing.T) {
	tools := toolsOf(t)
	for _, one := range combinations(t) {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			// All objects that the cluster would hold, including Pods. For files, istioctl runs only the analyzers that need neither Pods nor
			// Services; istio-compile runs all of them.
			objects := filepath.Join(t.TempDir(), "objects.yaml")
			arguments := []string{"--mesh-config", filepath.Join(root, mesh), "--objects", objects}
			for _, path := range one.resources {
				arguments = append(arguments, filepath.Join(root, path))
			}
			for _, path := range one.components {
				arguments = append(arguments, "--component", filepath.Join(root, path))
			}
			if said := run(tools.compile, arguments...); said != (result{}) {
				t.Fatalf("istio-compile: %s", said)
			}
			said := run(tools.istioctl, "analyze", "--use-kube=false", "--all-namespaces", objects)
			if want := "✔ No validation issues found when analyzing " + objects + "."; said.code != 0 || strings.TrimSpace(said.stdout+said.stderr) != want {
				t.Errorf("istioctl analyze: %s", said)
			}
		})
	}
}

// istioctl prints this for every EnvoyFilter.
const anyEnvoyFilter = "EnvoyFilter exposes internal implementation details"

func TestEveryCombinationIsValid(t *testing.T) {
	tools := toolsOf(t)
	folder := t.TempDir()
	var files []string
	// Most documents are in several combinations. Each is checked once.
	seen := map[string]bool{}
	for _, one := range combinations(t) {
		var fresh []string
		for _, document := range strings.Split(string(one.render(t)), "\n---\n") {
			if !seen[document] {
				seen[document] = true
				fresh = append(fresh, document)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		path := filepath.Join(folder, one.file())
		if err := os.WriteFile(path, []byte(strings.Join(fresh, "\n---\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	t.Run("for istioctl validate", func(t *testing.T) {
		arguments := []string{"validate"}
		for _, file := range files {
			arguments = append(arguments, "-f", file)
		}
		said := run(tools.istioctl, arguments...)
		if said.code != 0 {
			t.Fatal(said)
		}
		for _, line := range strings.Split(said.stdout+said.stderr, "\n") {
			if strings.Contains(line, "\t* ") && !strings.Contains(line, anyEnvoyFilter) {
				t.Error(line)
			}
		}
		for _, file := range files {
			if !strings.Contains(said.stdout+said.stderr, `"`+file+`"`) {
				t.Errorf("nothing is reported about %s: %s", file, said)
			}
		}
	})
	t.Run("for the schemas of their kinds", func(t *testing.T) {
		t.Parallel()
		schemas := schemasOf(t)
		for document := range seen {
			if err := schemas.validate([]byte(document)); err != nil {
				t.Error(err)
			}
		}
	})
}

// Without this test, tools that lack the schemas would go unnoticed.
func TestTheJudgesFindAFaultOfEachKind(t *testing.T) {
	tools := toolsOf(t)
	bySchema := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := schemasOf(t).validate(text); err != nil {
			return err.Error()
		}
		return ""
	}
	by := func(program string, arguments ...string) func(path string) string {
		return func(path string) string {
			said := run(program, append(slices.Clone(arguments), path)...)
			if said.code == 0 {
				return ""
			}
			return said.stdout + said.stderr
		}
	}
	for name, one := range map[string]struct {
		manifest, want string
		by             func(path string) string
	}{
		"a SpinApp": {`apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: a, namespace: b}
spec: {image: a, executor: b, replicas: one}
`, "spec.replicas", bySchema},
		"a field of a SpinApp": {`apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: a, namespace: b}
spec: {image: a, executor: b, replicas: 1, env: []}
`, "spec.env", bySchema},
		"a Certificate": {`apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: a, namespace: b}
spec: {secretName: a, issuer: {name: a}}
`, "spec.issuer", bySchema},
		"a WasmPlugin": {`apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: a, namespace: b}
spec: {url: "oci://a/b:1", failStrategy: FAIL_SHUT}
`, "spec.failStrategy", bySchema},
		"a rule of a WasmPlugin": {`apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: a, namespace: b}
spec: {url: "oci://a/b:1", selector: {matchLabels: {a: b}}, targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: a}]}
`, "only one of targetRefs or selector can be set", bySchema},
		"a Service": {`apiVersion: v1
kind: Service
metadata: {name: a, namespace: b}
spec: {selectors: {app: a}, ports: [{port: 80}]}
`, "spec.selectors", bySchema},
		"a port of a Service": {`apiVersion: v1
kind: Service
metadata: {name: a, namespace: b}
spec: {ports: [{port: eighty}]}
`, "spec.ports", bySchema},
		"a port that is missing": {`apiVersion: v1
kind: Service
metadata: {name: a, namespace: b}
spec: {ports: [{name: http}]}
`, "spec.ports[0].port", bySchema},
		"a kind": {`apiVersion: example.com/v1
kind: Nonsense
metadata: {name: a, namespace: b}
`, "Nonsense", bySchema},
		"a VirtualService": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: b}
spec: {hosts: [a], http: [{route: [{destination: {host: a}}], timout: 1s}]}
`, "timout", by(tools.istioctl, "validate", "-f")},
		"a gateway": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: b}
spec: {hosts: [a.example.com], gateways: [nothing], http: [{route: [{destination: {host: a}}]}]}
`, "IST0101", by(tools.istioctl, "analyze", "--use-kube=false", "--all-namespaces")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "wrong.yaml")
			if err := os.WriteFile(path, []byte(one.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			if found := one.by(path); !strings.Contains(found, one.want) {
				t.Errorf("not found: %q", found)
			}
		})
	}
}

func TestTheInstallationIsGenerated(t *testing.T) {
	tools := toolsOf(t)
	said := run(tools.istioctl, "manifest", "generate", "-f", filepath.Join(root, mesh))
	if said.code != 0 || said.stderr != "" || !strings.Contains(said.stdout, "kind: Deployment") {
		t.Errorf("exit %d\n%s", said.code, said.stderr)
	}
}
