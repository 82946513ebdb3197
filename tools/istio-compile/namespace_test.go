package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Manifests that do not name a namespace, like Istio's samples. kubectl would apply them to its current namespace.
const withoutNamespace = `apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: b}
spec: {image: "registry.example.com/b:1", executor: shim, replicas: 1}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [a], http: [{timeout: 3s, route: [{destination: {host: a}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a}
spec: {selector: {matchLabels: {app: a}}}
`

func TestAManifestWithoutANamespaceGetsTheDefaultNamespace(t *testing.T) {
	for namespace, arguments := range map[string][]string{"default": nil, "till": {"--namespace", "till"}} {
		t.Run(namespace, func(t *testing.T) {
			t.Parallel()
			injectedAnnotation := tempFile(t, "namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+", labels: {istio-injection: enabled}}\n")
			out := compile(t, append(arguments, tempFile(t, "a.yaml", withoutNamespace), injectedAnnotation)...)
			if found := out.workload(t, namespace+"/a-0"); found.Proxy != sidecar {
				t.Errorf("%+v", found)
			}
			routes := toJSON(t, out.resource(t, namespace+"/b-0/routes.json", "80"))
			if !strings.Contains(routes, `"cluster":"outbound|80||a.`+namespace+`.svc.cluster.local"`) || !strings.Contains(routes, `"timeout":"3s"`) {
				t.Errorf("no route: %s", routes)
			}
			if service := out.inventory(t).Services[0]; service.Namespace != namespace || len(service.Ports[0].Endpoints) != 1 {
				t.Errorf("%+v", service)
			}
			if app := out.inventory(t).SpinApps[0]["metadata"].(map[string]any); app["namespace"] != namespace {
				t.Errorf("%v", app)
			}
		})
	}
}

func TestTheNamespaceFlagDoesNotChangeAManifestWithANamespace(t *testing.T) {
	out := compile(t, twoWorkloads, "--namespace", "other")
	expectEqual(t, "Pods", out.pods(t), "api-0 of Deployment api", "api-1 of Deployment api", "web-0 of Deployment web")
	out.workload(t, "demo/web-0")
}

func TestTwoManifestsOfTheSameObjectAreAnError(t *testing.T) {
	named, unnamed := "metadata: {name: a, namespace: till}\n", "metadata: {name: a}\n"
	const service, spec = "apiVersion: v1\nkind: Service\n", "spec: {ports: [{name: http, port: 80}]}\n"
	first, second := tempFile(t, "first.yaml", service+named+spec), tempFile(t, "second.yaml", service+unnamed+spec)
	run := runProgram(t, "", "--namespace", "till", first, second)
	if run.code != 65 || run.stderr != second+":1: Service till/a: the manifest at "+first+":1 describes the same object\n" {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

func TestTheKeyOfAMapMayBeANumber(t *testing.T) {
	out := compile(t, twoWorkloads, tempFile(t, "mtls.yaml", `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: api, namespace: demo}
spec: {selector: {matchLabels: {app: api}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}
`))
	found := toJSON(t, out.resource(t, "demo/api-0/listeners.json", "virtualInbound"))
	if strings.Contains(found, `"destination_port":8080,"transport_protocol":"tls"`) {
		t.Errorf("port 8080 uses TLS, although mTLS is off for this port: %s", found)
	}
}

// bookinfo returns the path of a file in Istio's Bookinfo sample. The sample comes from the version of Istio in tools/go.mod.
func bookinfo(t *testing.T, path string) string {
	t.Helper()
	return filepath.Join(moduleFolder(t, "istio.io/istio"), "samples/bookinfo", path)
}

func TestIstiosOwnSampleCompiles(t *testing.T) {
	inputs := []string{
		bookinfo(t, "platform/kube/bookinfo.yaml"), bookinfo(t, "networking/bookinfo-gateway.yaml"), bookinfo(t, "networking/virtual-service-reviews-80-20.yaml"),
		bookinfo(t, "networking/destination-rule-all.yaml"), "../../k8s/overlays/local/cluster.yaml",
		tempFile(t, "namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio-injection: enabled}}\n"),
	}
	run := runProgram(t, "", inputs...)
	if run.code != 65 || !strings.Contains(run.stderr, "[IST0173]") {
		t.Errorf("a subset selects no Pods: expected exit code 65 and IST0173, found exit code %d\n%s", run.code, run.stderr)
	}
	for _, flags := range [][]string{{"--allow", "IST0173"}, {"--warnings-ok"}} {
		out := filepath.Join(t.TempDir(), "out")
		run = runProgram(t, "", append(append(inputs, "--out", out), flags...)...)
		if run.code != 0 || !strings.Contains(run.stderr, "warning: ") {
			t.Fatalf("%q: exit %d\n%s", flags, run.code, run.stderr)
		}
		routes := toJSON(t, find(compiled(out).resource(t, "default/productpage-v1-0/routes.json", "9080"), "weighted_clusters"))
		if !strings.Contains(routes, `"outbound|9080|v2|reviews.default.svc.cluster.local","weight":20`) {
			t.Errorf("no route to reviews: %s", routes)
		}
	}
}
