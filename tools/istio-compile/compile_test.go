package main

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const shop = "../../k8s/overlays/local"

// priorities returns a map from each priority in a cluster load assignment to the addresses of its endpoints.
func priorities(t *testing.T, assignment map[string]any) map[int][]string {
	t.Helper()
	var read struct {
		Endpoints []struct {
			Priority    int
			LbEndpoints []struct {
				Endpoint struct {
					Address struct {
						SocketAddress struct{ Address string } `json:"socket_address"`
					}
				}
			} `json:"lb_endpoints"`
		}
	}
	readJSON(t, tempFile(t, "assignment.json", toJSON(t, assignment)), &read)
	found := map[int][]string{}
	for _, locality := range read.Endpoints {
		for _, one := range locality.LbEndpoints {
			found[locality.Priority] = append(found[locality.Priority], one.Endpoint.Address.SocketAddress.Address)
		}
	}
	return found
}

func TestZonesGiveEndpointsPriorities(t *testing.T) {
	rule := tempFile(t, "rule.yaml", `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: demo}
spec:
  host: api
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 3, interval: 10s, baseEjectionTime: 30s}
    loadBalancer: {simple: ROUND_ROBIN, localityLbSetting: {enabled: true}}
`)
	out := compile(t, twoWorkloads, rule, "--zone", "europe/a", "--zone", "europe/b")
	near, far := out.workload(t, "demo/api-0").IP, out.workload(t, "demo/api-1").IP
	const endpoints, cluster = "demo/web-0/endpoints.json", "outbound|80||api.demo.svc.cluster.local"
	// The Pods web-0 and api-0 are in the zone europe/a, and api-1 is in europe/b.
	want := map[int][]string{0: {near}, 1: {far}}
	if found := priorities(t, out.resource(t, endpoints, cluster)); !reflect.DeepEqual(found, want) {
		t.Errorf("with zones: found the endpoints %v, expected %v", found, want)
	}
	found := priorities(t, compile(t, twoWorkloads, rule).resource(t, endpoints, cluster))
	if len(found) != 1 || len(found[0]) != 2 {
		t.Errorf("without zones: found the endpoints %v, expected two endpoints with the same priority", found)
	}
}

func TestAGatewayHasTheRoutesOfItsVirtualServices(t *testing.T) {
	manifest := tempFile(t, "gateway.yaml", `apiVersion: v1
kind: Pod
metadata:
  name: edge
  namespace: demo
  labels: {istio: edge, sidecar.istio.io/inject: "true"}
  annotations: {inject.istio.io/templates: gateway}
spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: demo}
spec: {selector: {istio: edge}, ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: edge, namespace: demo}
spec: {secretName: edge-cert, dnsNames: [demo.example.com], issuerRef: {name: any}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: demo}
spec:
  selector: {istio: edge}
  servers:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [demo.example.com]}
    - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [demo.example.com], tls: {mode: SIMPLE, credentialName: edge-cert}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: demo}
spec:
  hosts: [demo.example.com]
  gateways: [edge]
  http: [{match: [{uri: {prefix: /api}}], route: [{destination: {host: api, port: {number: 80}}}]}]
`)
	out := compile(t, twoWorkloads, manifest)
	if found := out.workload(t, "demo/edge").Proxy; found != gateway {
		t.Errorf("the proxy of the Pod is %q, expected a gateway", found)
	}
	// The gateway listens on the target ports of its Service.
	out.resource(t, "demo/edge/listeners.json", "0.0.0.0_8080")
	secure := toJSON(t, out.resource(t, "demo/edge/listeners.json", "0.0.0.0_8443"))
	if !strings.Contains(secure, "kubernetes://edge-cert") {
		t.Errorf("the HTTPS listener does not request the Certificate's Secret: %s", secure)
	}
	routes := toJSON(t, out.resource(t, "demo/edge/routes.json", "http.8080"))
	for _, part := range []string{`"demo.example.com"`, `"prefix":"/api"`, `"outbound|80||api.demo.svc.cluster.local"`} {
		if !strings.Contains(routes, part) {
			t.Errorf("no %s in %s", part, routes)
		}
	}
}

func TestAWasmPluginArrivesOverECDS(t *testing.T) {
	plugin := tempFile(t, "plugin.yaml", `apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: stamp, namespace: demo}
spec:
  selector: {matchLabels: {app: api}}
  url: oci://registry.example.com/stamp:1
  imagePullSecret: registry
  pluginConfig: {header: x-stamp}
`)
	out := compile(t, twoWorkloads, plugin)
	var extensions response
	readJSON(t, filepath.Join(string(out), "demo/api-1/extensions.json"), &extensions)
	if len(extensions.Resources) != 1 {
		t.Fatalf("%d resources", len(extensions.Resources))
	}
	found := toJSON(t, extensions.Resources[0])
	for _, part := range []string{"demo.stamp", "oci://registry.example.com/stamp:1", "x-stamp"} {
		if !strings.Contains(found, part) {
			t.Errorf("no %s in %s", part, found)
		}
	}
	readJSON(t, filepath.Join(string(out), "demo/web-0/extensions.json"), &extensions)
	if len(extensions.Resources) != 0 {
		t.Errorf("the WasmPlugin does not select web, but web has extensions: %v", extensions.Resources)
	}
}

func TestTheMeshConfigIsReadFromAMeshConfigOrAnIstioOperator(t *testing.T) {
	blackHole := func(arguments ...string) bool {
		out := compile(t, append(arguments, twoWorkloads)...)
		found := toJSON(t, out.resource(t, "demo/web-0/listeners.json", "virtualOutbound"))
		return !strings.Contains(found, `"PassthroughCluster"`)
	}
	if blackHole() {
		t.Fatal("without --mesh-config, a sidecar must forward requests to unknown hosts")
	}
	if !blackHole("--mesh-config", tempFile(t, "mesh.yaml", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n")) {
		t.Error("--mesh-config: a file that contains a MeshConfig has no effect")
	}
	if !blackHole("--mesh-config", tempFile(t, "operator.yaml", `apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: any}
spec: {meshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}}
`)) {
		t.Error("--mesh-config: a file that contains an IstioOperator has no effect")
	}
}

func TestAnErrorInTheMeshConfigNamesItsFile(t *testing.T) {
	for name, one := range map[string]struct{ content, want string }{
		"an unknown field": {"outboundTraficPolicy: {}\n", `mesh.yaml: mesh config: unknown field "outboundTraficPolicy"`},
		"a wrong value":    {"outboundTrafficPolicy: {mode: REGISTRY}\n", `mesh.yaml: mesh config: unknown value "\"REGISTRY\""`},
		"invalid YAML":     {"a: b\nc: {\n", "mesh.yaml:3: "},
	} {
		t.Run(name, func(t *testing.T) {
			if run := runProgram(t, "", "--mesh-config", tempFile(t, "mesh.yaml", one.content), twoWorkloads); run.code != 65 || !strings.Contains(run.stderr, one.want) {
				t.Errorf("exit %d\n%s", run.code, run.stderr)
			}
		})
	}
}

func TestAComponentAppliesToAllManifests(t *testing.T) {
	component := filepath.Dir(tempFile(t, "kustomization.yaml", `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
  - target: {kind: Deployment, name: api}
    patch: |
      - {op: replace, path: /spec/replicas, value: 3}
`))
	if found := len(compile(t, twoWorkloads).inventory(t).Workloads); found != 3 {
		t.Errorf("without the component: found %d Pods, expected 3", found)
	}
	if found := len(compile(t, twoWorkloads, "--component", component).inventory(t).Workloads); found != 4 {
		t.Errorf("with the component: found %d Pods, expected 4", found)
	}
}

func TestManifestsMayComeFromTheStandardInput(t *testing.T) {
	manifests := "apiVersion: v1\nkind: Namespace\nmetadata: {name: demo, labels: {istio-injection: enabled}}\n"
	if run := runProgram(t, manifests, "-"); run.code != 0 {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
	policy := "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: all, namespace: demo}\nspec: {mtls: {mode: STRIKT}}\n"
	run := runProgram(t, manifests+policy, "-")
	if run.code != 65 || !strings.HasPrefix(run.stderr, "(standard input):5: PeerAuthentication demo/all: ") {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

func TestTheShopCompiles(t *testing.T) {
	out := compile(t, "--mesh-config", "../../istio/install/istio.yaml", shop)
	inventory := out.inventory(t)
	proxies := map[proxy]int{}
	for _, one := range inventory.Workloads {
		proxies[one.Proxy]++
	}
	if proxies[gateway] != 1 || proxies[sidecar] < 9 || proxies[none] != 1 {
		t.Errorf("%v", proxies)
	}
	// workloads.json must contain the endpoints of each Service: the workload `partners`, which has no sidecar, finds the shop
	// there.
	for _, service := range inventory.Services {
		if len(service.Ports) == 0 || len(service.Ports[0].Endpoints) == 0 {
			t.Errorf("%s/%s has no endpoints", service.Namespace, service.Name)
		}
	}
	if routes := toJSON(t, out.resource(t, "istio-system/istio-ingressgateway-0/routes.json", "http.8080")); !strings.Contains(routes, "weighted_clusters") {
		t.Error("the gateway's routes have no weights")
	}
}

func TestTheOutputUsesNoFeatureThatUpstreamEnvoyLacks(t *testing.T) {
	for path, content := range compile(t, "example").files(t) {
		for _, istioOnly := range []string{"istio.alpn", "metadata_exchange", "io.istio.http.peer"} {
			if strings.Contains(content, istioOnly) {
				t.Errorf("%s uses %s, a feature that upstream Envoy does not have", path, istioOnly)
			}
		}
	}
}
