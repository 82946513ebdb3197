package main

import (
	"reflect"
	"strings"
	"testing"
)

// spinAppWith returns the manifest of SpinApp demo/cart-v1. The given fields are added to the fields of its spec.
func spinAppWith(fields string) string {
	return `apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: cart-v1, namespace: demo}
spec: {image: "registry.example.com/cart:1", executor: shim, ` + fields + `}
`
}

// spin-operator 0.6.1 also gives its own labels precedence: its function constructDeployment copies them over the SpinApp's
// podLabels.
func TestTheOperatorsLabelsOverrideTheSpinAppsLabels(t *testing.T) {
	out := compile(t, tempFile(t, "app.yaml", spinAppWith(
		"replicas: 1, podLabels: {app: cart, core.spinkube.dev/app-name: mine, core.spinkube.dev/app.cart-v1.status: mine}")))
	want := map[string]string{
		"app": "cart", "core.spinkube.dev/app-name": "cart-v1", "core.spinkube.dev/app.cart-v1.status": "ready",
	}
	if found := out.workload(t, "demo/cart-v1-0").Labels; !reflect.DeepEqual(found, want) {
		t.Errorf("%v", found)
	}
}

func TestAnAutoscaledSpinAppStartsWithOnePod(t *testing.T) {
	expectEqual(t, "Pods", compile(t, tempFile(t, "app.yaml", spinAppWith("enableAutoscaling: true"))).pods(t), "cart-v1-0 of SpinApp cart-v1")
}

func TestTheMemoryLimitOfAnInvocationMayEqualThePodsLimit(t *testing.T) {
	app := spinAppWith("replicas: 1, invocationLimits: {memory: 64Mi, fuel: much}, resources: {limits: {memory: 64Mi}, requests: {memory: 32Mi}}")
	expectEqual(t, "Pods", compile(t, tempFile(t, "app.yaml", app)).pods(t), "cart-v1-0 of SpinApp cart-v1")
}

func TestASpinAppMayHaveTheLongestNameThatTheOperatorsLabelAllows(t *testing.T) {
	name := "a123456789b123456789c123456789d123456789e123456789f1"
	expectEqual(t, "Pods", compile(t, tempFile(t, "app.yaml", `apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: `+name+`, namespace: demo}
spec: {image: "registry.example.com/cart:1", executor: shim, replicas: 1}
`)).pods(t), name+"-0 of SpinApp "+name)
}

// twoServices returns manifests in which two Services select the Pod of a SpinApp: cart, and spin-operator's Service cart-v1. Istio
// prefers the older Service. If the manifests do not contain cart-v1, istio-compile makes it after cart. If `oldest` is set, the
// manifests contain both, with the same time of creation. Then the order of the host names decides, and `cart-v1.` is before `cart.`.
// `ingress` is the member of that name in the Pod's Sidecar; it may be empty.
func twoServices(t *testing.T, oldest bool, ingress string) string {
	manifests := spinAppWith("replicas: 1, podLabels: {app: cart}") + `---
apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: demo}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: http-app}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: cart, namespace: demo}
spec:
  workloadSelector: {labels: {app: cart}}
` + ingress + `  egress: [{hosts: ["./*"]}]
`
	if oldest {
		manifests += `---
apiVersion: v1
kind: Service
metadata: {name: cart-v1, namespace: demo, annotations: {galley.istio.io/analyze-suppress: IST0118}}
spec: {selector: {core.spinkube.dev/app.cart-v1.status: ready}, ports: [{port: 80, targetPort: http-app}]}
`
	}
	return tempFile(t, "two.yaml", manifests)
}

func TestADeclaredListenerIsHTTPWhicheverServiceIsOlder(t *testing.T) {
	chains := func(operatorIsOldest bool, ingress string) string {
		out := compile(t, twoServices(t, operatorIsOldest, ingress))
		var found []any
		for _, chain := range out.resource(t, "demo/cart-v1-0/listeners.json", "virtualInbound")["filter_chains"].([]any) {
			match, _ := chain.(map[string]any)["filter_chain_match"].(map[string]any)
			if match["destination_port"] == float64(80) {
				found = append(found, chain)
			}
		}
		if len(found) == 0 {
			t.Fatal("no inbound filter chain has the port 80")
		}
		return toJSON(t, found)
	}
	const listener = "  ingress: [{port: {number: 80, protocol: HTTP, name: http}, defaultEndpoint: \"127.0.0.1:80\"}]\n"
	if first, second := chains(false, listener), chains(true, listener); first != second {
		t.Errorf("with a listener in the Sidecar, the order decides:\n%s\n%s", first, second)
	}
	// Without the listener, Istio detects the protocol of each connection if spin-operator's Service is the older one.
	const sniffed = "tcp_proxy"
	if found := chains(false, ""); strings.Contains(found, sniffed) {
		t.Errorf("the Service with a named port is older, but the port is not HTTP: %s", found)
	}
	if found := chains(true, ""); !strings.Contains(found, sniffed) {
		t.Errorf("spin-operator's Service is older, and the port is HTTP only: %s", found)
	}
}

func TestTheOperatorsServiceIsMadeUnlessTheManifestsContainIt(t *testing.T) {
	app := spinAppWith("replicas: 1")
	found := compile(t, tempFile(t, "app.yaml", app)).inventory(t).Services
	if len(found) != 1 || found[0].Name != "cart-v1" || len(found[0].Ports) != 1 || found[0].Ports[0].Name != "" || len(found[0].Ports[0].Endpoints) != 1 {
		t.Errorf("expected the Service cart-v1 with one endpoint on an unnamed port, found %v", found)
	}
	found = compile(t, tempFile(t, "app.yaml", app+`---
apiVersion: v1
kind: Service
metadata: {name: cart-v1, namespace: demo}
spec: {selector: {core.spinkube.dev/app.cart-v1.status: ready}, ports: [{name: http-of-a-dump, port: 80, targetPort: http-app}]}
`)).inventory(t).Services
	if len(found) != 1 || found[0].Ports[0].Name != "http-of-a-dump" {
		t.Errorf("expected the Service of the manifests only, found %v", found)
	}
}
