package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const two = "testdata/two.yaml"

func TestEachFaultIsToldWithItsFileAndLine(t *testing.T) {
	for name, one := range map[string]struct {
		manifest string
		// After the file's name.
		want string
	}{
		"what Istio's validation rejects": {`# A comment, and then the manifest.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: demo}
spec:
  host: api
  trafficPolicy: {outlierDetection: {maxEjectionPercent: 150}}
`, ":2: DestinationRule demo/api: "},
		"an unknown field of Istio's": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec:
  hosts: [api]
  http: [{route: [{destination: {host: api}}], timout: 3s}]
`, `:1: VirtualService demo/api: `},
		"an unknown field of Kubernetes'": {`apiVersion: v1
kind: Service
metadata: {name: other, namespace: demo}
spec:
  selectors: {app: web}
  ports: [{name: http, port: 80}]
`, `:1: Service demo/other: strict decoding error: unknown field "spec.selectors"`},
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
`, ":6: VirtualService demo/api: "},
		"a match that is there twice": {`apiVersion: networking.istio.io/v1
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
`, ":1: VirtualService demo/api: "},
		"a policy for no Pod": {`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: demo}
spec:
  selector: {matchLabels: {app: apy}}
`, ":1: AuthorizationPolicy demo/nobody: "},
		"a host that does not exist": {`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec:
  hosts: [api]
  http: [{route: [{destination: {host: apy}}]}]
`, ":1: VirtualService demo/api: "},
		"a Secret that does not exist": {`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: demo}
spec:
  selector: {app: web}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      hosts: [demo.example.com]
      tls: {mode: SIMPLE, credentialName: nothing}
`, ":1: Gateway demo/gateway: "},
		"too many replicas": {`apiVersion: apps/v1
kind: StatefulSet
metadata: {name: many, namespace: demo}
spec: {replicas: 1000, serviceName: many, selector: {}, template: {spec: {containers: []}}}
`, ":1: StatefulSet demo/many: spec.replicas is 1000: expected 0 to 100"},
		"a kind of the Gateway API": {`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: demo}
`, ":1: HTTPRoute demo/api: the Gateway API is not translated here"},
		"a Certificate without a Secret": {`apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: demo, namespace: demo}
`, ":1: Certificate demo/demo: spec.secretName is missing"},
		"no YAML":       {"apiVersion: v1\nkind: [Service\n", ":2: did not find expected ',' or ']'"},
		"a key twice":   {"apiVersion: v1\nkind: Service\nmetadata: {name: x}\nkind: Pod\n", `:4: mapping key "kind" already defined at line 2`},
		"no manifest":   {"\nhello: there\n", ":2: no manifest: kind is missing"},
		"no name":       {"\n---\napiVersion: v1\nkind: Service\n", ":3: Service: metadata.name is missing"},
		"no apiVersion": {"kind: Service\nmetadata: {name: x}\n", ":1: Service x: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := file(t, "wrong.yaml", one.manifest)
			out := filepath.Join(t.TempDir(), "out")
			run := start(t, "", two, manifest, "--out", out)
			if run.code != 65 || !strings.Contains(run.stderr, "wrong.yaml"+one.want) {
				t.Errorf("exit %d\n%s", run.code, run.stderr)
			}
			if lines := strings.Count(run.stderr, "\n"); lines != 1 && !strings.Contains(run.stderr, "VirtualService") {
				t.Errorf("one fault, and %d lines:\n%s", lines, run.stderr)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("it was written all the same")
			}
			t.Log(run.stderr)
		})
	}
}
