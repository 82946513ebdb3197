package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const twoWorkloads = "testdata/two.yaml"

func TestEachErrorNamesItsFileAndLine(t *testing.T) {
	for name, one := range map[string]struct {
		manifest string
		// The expected lines on the standard error. In each line the file's name at the start is left out.
		want []string
	}{
		"a value that Istio's validation rejects": {`# A comment, and then the manifest.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: demo}
spec:
  host: api
  trafficPolicy: {outlierDetection: {maxEjectionPercent: 150}}
`, []string{":2: DestinationRule demo/api: percentage 150 is not in range 0..100"}},
		"an unknown field of a VirtualService": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec:
  hosts: [api]
  http: [{route: [{destination: {host: api}}], timout: 3s}]
`, []string{`:1: VirtualService demo/api: unknown field "timout" in istio.networking.v1alpha3.HTTPRoute`}},
		"an unknown field of a Service": {`apiVersion: v1
kind: Service
metadata: {name: other, namespace: demo}
spec:
  selectors: {app: web}
  ports: [{name: http, port: 80}]
`, []string{`:1: Service demo/other: strict decoding error: unknown field "spec.selectors"`}},
		"a rule that is never reached": {`apiVersion: v1
kind: ConfigMap
metadata: {name: before, namespace: demo}
---

apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec:
  hosts: [api]
  http:
    - route: [{destination: {host: api}}]
    - match: [{headers: {x-beta: {exact: "true"}}}]
      route: [{destination: {host: api}}]
`, []string{":6: VirtualService demo/api: virtualService rule #1 not used (route without matches defined before) [IST0130]"}},
		"a duplicate match": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec:
  hosts: [api]
  http:
    - match: [{uri: {prefix: /a}}]
      route: [{destination: {host: api}}]
    - match: [{uri: {prefix: /a}}]
      route: [{destination: {host: api}}]
    - route: [{destination: {host: api}}]
`, []string{":1: VirtualService demo/api: virtualService rule #1 match #0 is not used (duplicate/overlapping match in rule #0) [IST0131]",
			":1: VirtualService demo/api: virtualService rule #1 not used (all matches used by prior rules) [IST0130]"}},
		"a policy that selects no Pod": {`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: demo}
spec:
  selector: {matchLabels: {app: apy}}
`, []string{":1: AuthorizationPolicy demo/nobody: No matching workloads for this resource with the following labels: app=apy [IST0127]"}},
		"a host that does not exist": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec:
  hosts: [api]
  http: [{route: [{destination: {host: apy}}]}]
`, []string{`:1: VirtualService demo/api: Referenced host not found: "apy" [IST0101]`}},
		"a Secret that does not exist": {`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: demo}
spec:
  selector: {app: api}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      hosts: [demo.example.com]
      tls: {mode: SIMPLE, credentialName: nothing}
---
apiVersion: v1
kind: Service
metadata: {name: gateway, namespace: demo}
spec: {selector: {app: api}, ports: [{name: https, port: 443}]}
`, []string{`:1: Gateway demo/gateway: Referenced credentialName not found: "nothing" [IST0101]`}},
		"too many replicas": {`apiVersion: apps/v1
kind: StatefulSet
metadata: {name: many, namespace: demo}
spec: {replicas: 1000, serviceName: many, selector: {}, template: {spec: {containers: []}}}
`, []string{":1: StatefulSet demo/many: spec.replicas is 1000: expected 0 to 100"}},
		"a SpinApp without replicas": {spinAppWith("podLabels: {app: cart}"),
			[]string{":1: SpinApp demo/cart-v1: spec.replicas: Invalid value: 0: replicas must be > 0"}},
		"a SpinApp with replicas and an autoscaler": {spinAppWith("replicas: 2, enableAutoscaling: true"),
			[]string{":1: SpinApp demo/cart-v1: spec.replicas: Invalid value: 2: replicas cannot be set when autoscaling is enabled"}},
		"a SpinApp whose memory limit is not a quantity": {spinAppWith(`replicas: 1, invocationLimits: {memory: "64 MB"}`),
			[]string{`:1: SpinApp demo/cart-v1: spec.invocationLimits[memory]: Invalid value: "64 MB": memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)`}},
		"a SpinApp whose invocation limit exceeds the Pod's limit": {spinAppWith("replicas: 1, invocationLimits: {memory: 64Mi}, resources: {limits: {memory: 32Mi}}"),
			[]string{`:1: SpinApp demo/cart-v1: spec.invocationLimits[memory]: Invalid value: "64Mi": invocation limit quantity cannot be greater than the memory limit (32Mi)`}},
		"a SpinApp whose invocation limit exceeds the Pod's request": {spinAppWith("replicas: 1, invocationLimits: {memory: 64Mi}, resources: {requests: {memory: 32Mi}}"),
			[]string{`:1: SpinApp demo/cart-v1: spec.invocationLimits[memory]: Invalid value: "64Mi": invocation limit quantity cannot be greater than the memory request (32Mi)`}},
		"a SpinApp with a name that is too long for spin-operator's label": {
			strings.Replace(spinAppWith("replicas: 1"), "cart-v1", strings.Repeat("a", 53), 1),
			[]string{":1: SpinApp demo/" + strings.Repeat("a", 53) + ": metadata.name: spin-operator's label core.spinkube.dev/app." + strings.Repeat("a", 53) +
				".status is invalid: name part must be no more than 63 bytes"}},
		"a Rollout of a missing workload": {rolloutWithWorkloadRef("-v2"),
			[]string{":1: Rollout demo/api: spec.workloadRef: Deployment demo/api-v2 is not among the manifests"}},
		"an unknown field of a Rollout's template": {`apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: other, namespace: demo}
spec: {template: {spec: {container: []}}}
`, []string{`:1: Rollout demo/other: strict decoding error: unknown field "spec.template.spec.container"`}},
		"a kind of the Gateway API": {`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: demo}
`, []string{":1: HTTPRoute demo/api: istio-compile does not support the Gateway API: a cluster would start a separate gateway for this object"}},
		"a Certificate without a Secret": {`apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: demo, namespace: demo}
`, []string{":1: Certificate demo/demo: spec.secretName is missing"}},
		"invalid YAML":    {"apiVersion: v1\nkind: [Service\n", []string{":2: did not find expected ',' or ']'"}},
		"a duplicate key": {"apiVersion: v1\nkind: Service\nmetadata: {name: x}\nkind: Pod\n", []string{`:4: mapping key "kind" already defined at line 2`}},
		"not a manifest":  {"\nhello: there\n", []string{":2: not a manifest: apiVersion or kind is missing"}},
		"no name":         {"\n---\napiVersion: v1\nkind: Service\n", []string{":3: Service: metadata.name is missing"}},
		"no apiVersion":   {"kind: Service\nmetadata: {name: x}\n", []string{":1: not a manifest: apiVersion or kind is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := tempFile(t, "wrong.yaml", one.manifest)
			out := filepath.Join(t.TempDir(), "out")
			run := runProgram(t, "", twoWorkloads, manifest, "--out", out)
			want := ""
			for _, line := range one.want {
				want += manifest + line + "\n"
			}
			if run.code != 65 || run.stderr != want {
				t.Errorf("exit %d\n%s\nexpected\n%s", run.code, run.stderr, want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("istio-compile wrote the output in spite of the error")
			}
		})
	}
}

func TestAnErrorInAKustomizationNamesTheInnermostFile(t *testing.T) {
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {ports: [{name: http, port: 80}]}\n"
	for name, one := range map[string]struct {
		inner, patch, want string
	}{
		"an unknown field":               {"resorces: [api.yaml]\n", "", `inner/kustomization.yaml: invalid Kustomization: json: unknown field "resorces"`},
		"invalid YAML":                   {"resources:\n  - api.yaml\npatches: [{path: x: y}]\n", "", "inner/kustomization.yaml:3: did not find expected ',' or '}'"},
		"a missing file":                 {"resources: [apy.yaml]\n", "", "inner/kustomization.yaml: apy.yaml does not exist"},
		"a patch file with invalid YAML": {"resources: [api.yaml]\npatches: [{path: patch.yaml}]\n", "a: b\nc: {\n", "inner/patch.yaml:3: did not find expected node content"},
		"an inline patch with invalid YAML": {"resources: [api.yaml]\npatches:\n  - patch: |\n      a: b\n      c: {\n", "",
			"inner/kustomization.yaml: patch 1: line 3 of the patch: did not find expected node content"},
		"a missing patch file":             {"resources: [api.yaml]\npatches: [{path: other.yaml}]\n", "", "inner/kustomization.yaml: other.yaml does not exist"},
		"a patch that matches no resource": {"resources: [api.yaml]\npatches: [{path: patch.yaml}]\n", "apiVersion: v1\nkind: Service\nmetadata: {name: apy}\n", `inner': no resource matches strategic merge patch`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer := filepath.Dir(tempFile(t, "kustomization.yaml", "resources: [inner]\n"))
			for path, text := range map[string]string{"kustomization.yaml": one.inner, "patch.yaml": one.patch, "api.yaml": service} {
				if err := os.MkdirAll(filepath.Join(outer, "inner"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(outer, "inner", path), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if run := runProgram(t, "", outer); run.code != 65 || !strings.Contains(run.stderr, one.want) {
				t.Errorf("exit %d\n%s\nexpected\n%s", run.code, run.stderr, one.want)
			}
		})
	}
}

func TestErrorsAreInTheOrderOfTheArguments(t *testing.T) {
	first, second := tempFile(t, "first.yaml", "a: [\n"), tempFile(t, "second.yaml", "a: {\n")
	component := filepath.Dir(tempFile(t, "kustomization.yaml", "resorces: []\n"))
	want := []string{first, second, component}
	for range repetitions {
		run := runProgram(t, "", "--component", component, first, second)
		lines := strings.Split(run.stderr, "\n")
		for i, path := range want {
			if !strings.HasPrefix(lines[i], path) {
				t.Fatalf("line %d of the standard error does not begin with %s:\n%s", i+1, path, run.stderr)
			}
		}
	}
}
