package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestIstioReportsNothingAboutAnyCombination(t *testing.T) {
	tools := toolsOf(t)
	for _, one := range combinations(t) {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			// The path of a file that contains all objects of the cluster, including Pods. istio-compile writes the file, and runs
			// all of Istio's analyzers on these objects. istioctl reads the file, and runs only the analyzers that need neither
			// Pods nor Services.
			objects := filepath.Join(t.TempDir(), "objects.yaml")
			arguments := []string{"--mesh-config", filepath.Join(root, mesh), "--objects", objects}
			for _, path := range one.resources {
				arguments = append(arguments, filepath.Join(root, path))
			}
			for _, path := range one.components {
				arguments = append(arguments, "--component", filepath.Join(root, path))
			}
			if compiled := run(tools.compile, arguments...); compiled.code != 0 || compiled.stdout != "" || withoutCronJobs(compiled.stderr) != "" {
				t.Fatalf("istio-compile: %s", compiled)
			}
			outcome := run(tools.istioctl, "analyze", "--use-kube=false", "--all-namespaces", objects)
			if want := "✔ No validation issues found when analyzing " + objects + "."; outcome.code != 0 || strings.TrimSpace(outcome.stdout+outcome.stderr) != want {
				t.Errorf("istioctl analyze: %s", outcome)
			}
		})
	}
}

// withoutCronJobs returns istio-compile's messages without the notes that the Pods of a CronJob are left out.
func withoutCronJobs(messages string) string {
	var kept []string
	for _, line := range strings.SplitAfter(messages, "\n") {
		if !strings.HasPrefix(line, "note: ") || !strings.Contains(line, "CronJob") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// The first words of the warning that istioctl prints for every EnvoyFilter.
const envoyFilterWarning = "EnvoyFilter exposes internal implementation details"

func TestEveryCombinationIsValid(t *testing.T) {
	tools := toolsOf(t)
	folder := t.TempDir()
	var files []string
	// Most YAML documents are in several combinations. Each document is checked only once.
	seen := map[string]bool{}
	for _, one := range combinations(t) {
		var fresh []string
		for _, document := range documents(one.render(t)) {
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
	t.Run("istioctl validate", func(t *testing.T) {
		arguments := []string{"validate"}
		for _, file := range files {
			arguments = append(arguments, "-f", file)
		}
		outcome := run(tools.istioctl, arguments...)
		if outcome.code != 0 {
			t.Fatal(outcome)
		}
		for _, line := range strings.Split(outcome.stdout+outcome.stderr, "\n") {
			if strings.Contains(line, "\t* ") && !strings.Contains(line, envoyFilterWarning) {
				t.Error(line)
			}
		}
		for _, file := range files {
			if !strings.Contains(outcome.stdout+outcome.stderr, `"`+file+`"`) {
				t.Errorf("istioctl printed no result for %s: %s", file, outcome)
			}
		}
	})
	t.Run("schemas", func(t *testing.T) {
		t.Parallel()
		schemas := schemasOf(t)
		for document := range seen {
			if err := schemas.validate([]byte(document)); err != nil {
				t.Error(err)
			}
		}
	})
}

// This test shows that each checker finds errors. Without it, a checker that lacks the schemas would accept every manifest, and the
// tests above would pass.
func TestTheCheckersFindEachKindOfError(t *testing.T) {
	tools := toolsOf(t)
	checkSchema := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := schemasOf(t).validate(text); err != nil {
			return err.Error()
		}
		return ""
	}
	checkWith := func(program string, arguments ...string) func(path string) string {
		return func(path string) string {
			outcome := run(program, append(slices.Clone(arguments), path)...)
			if outcome.code == 0 {
				return ""
			}
			return outcome.stdout + outcome.stderr
		}
	}
	for name, one := range map[string]struct {
		manifest, want string
		check          func(path string) string
	}{
		"a SpinApp's field with a wrong type": {`apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: a, namespace: b}
spec: {image: a, executor: b, replicas: one}
`, "spec.replicas", checkSchema},
		"an unknown field of a SpinApp": {`apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: a, namespace: b}
spec: {image: a, executor: b, replicas: 1, env: []}
`, "spec.env", checkSchema},
		"an unknown field of a Certificate": {`apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: a, namespace: b}
spec: {secretName: a, issuer: {name: a}}
`, "spec.issuer", checkSchema},
		"an unknown value in a WasmPlugin": {`apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: a, namespace: b}
spec: {url: "oci://a/b:1", failStrategy: FAIL_SHUT}
`, "spec.failStrategy", checkSchema},
		"a violated CEL rule of a WasmPlugin": {`apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: a, namespace: b}
spec: {url: "oci://a/b:1", selector: {matchLabels: {a: b}}, targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: a}]}
`, "only one of targetRefs or selector can be set", checkSchema},
		"an unknown field of a Service": {`apiVersion: v1
kind: Service
metadata: {name: a, namespace: b}
spec: {selectors: {app: a}, ports: [{port: 80}]}
`, "spec.selectors", checkSchema},
		"a Service's port with a wrong type": {`apiVersion: v1
kind: Service
metadata: {name: a, namespace: b}
spec: {ports: [{port: eighty}]}
`, "spec.ports", checkSchema},
		"a missing port number": {`apiVersion: v1
kind: Service
metadata: {name: a, namespace: b}
spec: {ports: [{name: http}]}
`, "spec.ports[0].port", checkSchema},
		"an unknown kind": {`apiVersion: example.com/v1
kind: Nonsense
metadata: {name: a, namespace: b}
`, "Nonsense", checkSchema},
		"an unknown field of a VirtualService": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: b}
spec: {hosts: [a], http: [{route: [{destination: {host: a}}], timout: 1s}]}
`, "timout", checkWith(tools.istioctl, "validate", "-f")},
		"a missing gateway": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: b}
spec: {hosts: [a.example.com], gateways: [nothing], http: [{route: [{destination: {host: a}}]}]}
`, "IST0101", checkWith(tools.istioctl, "analyze", "--use-kube=false", "--all-namespaces")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "wrong.yaml")
			if err := os.WriteFile(path, []byte(one.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			if found := one.check(path); !strings.Contains(found, one.want) {
				t.Errorf("the error is not reported; the checker printed %q", found)
			}
		})
	}
}

func TestIstioctlGeneratesTheInstallation(t *testing.T) {
	tools := toolsOf(t)
	outcome := run(tools.istioctl, "manifest", "generate", "-f", filepath.Join(root, mesh))
	if outcome.code != 0 || outcome.stderr != "" || !strings.Contains(outcome.stdout, "kind: Deployment") {
		t.Errorf("exit %d\n%s", outcome.code, outcome.stderr)
	}
}
