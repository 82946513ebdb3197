package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// undefaulted contains manifests as users write them. At each mark, such as /*PROTOCOL*/, an API server would fill in a default.
const undefaulted = `apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {istio-injection: enabled/*NAMESPACE*/}}
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: demo}
spec:
  selector: {app: a}
  ports:
    - {name: http, port: 80, targetPort: web/*PROTOCOL*/}
    - {name: tcp, port: 7000/*PROTOCOL*//*TARGET*/}
    - {name: http-log, port: 81, targetPort: log/*PROTOCOL*/}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: demo}
spec: {clusterIP: None, /*CLUSTERIPS*/selector: {app: a}, ports: [{name: tcp, port: 7000/*PROTOCOL*//*TARGET*/}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: demo}
spec: {/*TYPE*/ports: [{port: 90/*PROTOCOL*/}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: outside-1, namespace: demo, labels: {kubernetes.io/service-name: outside}}
addressType: IPv4
ports: [{/*NAME*/port: 8080/*PROTOCOL*/}]
endpoints: [{addresses: [192.0.2.7]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, namespace: demo}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      serviceAccount: a
      /*ACCOUNT*/
      initContainers:
        - {name: log, image: log, restartPolicy: Always, ports: [{name: log, containerPort: 9000/*PROTOCOL*/}]}
      containers:
        - {name: a, image: a, ports: [{name: web, containerPort: 8080/*PROTOCOL*/}, {containerPort: 7000/*PROTOCOL*/}]}
`

// fill returns the text `undefaulted`, with each mark replaced by the default of the API server. If `filled` is false, it removes
// the marks instead.
func fill(filled bool) string {
	marks := map[string]string{
		"NAMESPACE":  ", kubernetes.io/metadata.name: demo",
		"PROTOCOL":   ", protocol: TCP",
		"TARGET":     ", targetPort: 7000",
		"CLUSTERIPS": "type: ClusterIP, clusterIPs: [None], ",
		"TYPE":       "type: ClusterIP, ",
		"NAME":       `name: "", `,
		"ACCOUNT":    "serviceAccountName: a",
	}
	text := undefaulted
	for mark, value := range marks {
		if !filled {
			value = ""
		}
		text = strings.ReplaceAll(text, "/*"+mark+"*/", value)
	}
	return text
}

func TestOmittedFieldsGetTheDefaultsOfAnAPIServer(t *testing.T) {
	compiledFrom := func(text string) map[string]string {
		out := filepath.Join(t.TempDir(), "out")
		if run := runProgram(t, "", tempFile(t, "a.yaml", text), "--out", out); run.code != 0 {
			t.Fatal(run.stderr)
		}
		return compiled(out).files(t)
	}
	written, stored := compiledFrom(fill(false)), compiledFrom(fill(true))
	if len(written) != 6 || len(written) != len(stored) {
		t.Fatalf("%d files, not %d", len(written), len(stored))
	}
	for path, text := range stored {
		if written[path] != text {
			t.Errorf("%s differs. Compiled from the manifests as users write them:\n%s\ncompiled from the manifests as an API server stores them:\n%s", path, written[path], text)
		}
	}
	// The Pods have the ports 8080, 7000 and 9000. Istio must send an inbound cluster for each port.
	for _, name := range []string{"inbound|8080||", "inbound|7000||", "inbound|9000||"} {
		if !strings.Contains(written["demo/a-0/clusters.json"], `"`+name+`"`) {
			t.Errorf("no cluster %s", name)
		}
	}
}

// The test compiles the manifests of a cluster, without the local overlay. In these manifests, only the Service names the port of a
// SpinApp's Pod, by the port's name http-app.
func TestEverySidecarOfTheShopListensOnItsSpinAppsPort(t *testing.T) {
	out := compile(t, "--mesh-config", "../../istio/install/istio.yaml", "../../k8s/base", "../../istio/base", "../../k8s/overlays/local/cluster.yaml",
		"../../k8s/overlays/local/operator.yaml", "../istio-manifests/testdata/collector.yaml")
	sidecars := 0
	for _, one := range out.inventory(t).Workloads {
		if one.Kind != "SpinApp" {
			continue
		}
		sidecars++
		folder := one.Namespace + "/" + one.Pod
		out.resource(t, folder+"/clusters.json", "inbound|80||")
		inbound := out.resource(t, folder+"/listeners.json", "virtualInbound")
		var names []string
		for _, chain := range inbound["filter_chains"].([]any) {
			names = append(names, nameOf(chain.(map[string]any)))
		}
		if !slices.Contains(names, one.IP+"_80") {
			t.Errorf("%s: expected a filter chain for port 80, found %q", one.Pod, names)
		}
	}
	if sidecars < 10 {
		t.Errorf("found %d sidecars of SpinApps, expected at least 10", sidecars)
	}
}
