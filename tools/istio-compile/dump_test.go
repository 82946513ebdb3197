package main

import (
	"strings"
	"testing"
)

func TestADumpOfAClusterGivesEachPodOnce(t *testing.T) {
	out := compile(t, "testdata/dump.yaml")
	expectEqual(t, "Pods", out.pods(t), "cart-v1-0 of SpinApp cart-v1", "web-0 of Deployment web", "web-1 of Deployment web")
	expectEqual(t, "endpoints", out.endpoints(t), "cart-v1/: cart-v1-0", "web/http: web-0 web-1")
	found := priorities(t, out.resource(t, "desk/cart-v1-0/endpoints.json", "outbound|80||web.desk.svc.cluster.local"))
	if len(found) != 1 || len(found[0]) != 2 {
		t.Errorf("Istio sends %v", found)
	}
}

// ownedPod is a Pod as kubectl prints it. A test replaces OWNER with an owner reference.
const ownedPod = `apiVersion: v1
kind: Pod
metadata:
  name: api-6d4cf56db6-zz9xk
  namespace: demo
  labels: {app: api, version: v1, pod-template-hash: 6d4cf56db6}
  ownerReferences: [OWNER]
spec: {containers: [{name: api, image: api, ports: [{name: web, containerPort: 8080}]}]}
`

func TestAPodIsKeptOnlyIfTheManifestsDoNotHaveItsOwner(t *testing.T) {
	const itself = "api-6d4cf56db6-zz9xk of Pod api-6d4cf56db6-zz9xk"
	for name, one := range map[string]struct {
		owner string
		kept  bool
	}{
		"a ReplicaSet that the dump leaves out":       {"{apiVersion: apps/v1, kind: ReplicaSet, name: api-6d4cf56db6, uid: r-api, controller: true}", false},
		"a ReplicaSet of another Deployment":          {"{apiVersion: apps/v1, kind: ReplicaSet, name: other-6d4cf56db6, uid: r-api, controller: true}", true},
		"a ReplicaSet with another hash than the Pod": {"{apiVersion: apps/v1, kind: ReplicaSet, name: api-5f6b7c8d9e, uid: r-api, controller: true}", true},
		"a Job":                       {"{apiVersion: batch/v1, kind: Job, name: api, uid: j-api, controller: true}", true},
		"the Deployment itself":       {"{apiVersion: apps/v1, kind: Deployment, name: api, uid: d-api, controller: true}", false},
		"a Deployment of another API": {"{apiVersion: example.com/v1, kind: Deployment, name: api, uid: d-api, controller: true}", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []string{"api-0 of Deployment api", "api-1 of Deployment api"}
			if one.kept {
				want = append(want, itself)
			}
			found := compile(t, twoWorkloads, tempFile(t, "pod.yaml", strings.Replace(ownedPod, "OWNER", one.owner, 1))).pods(t)
			expectEqual(t, "Pods", found, append(want, "web-0 of Deployment web")...)
		})
	}
}

func TestAnObjectWithAnotherUIDIsNotTheOwner(t *testing.T) {
	out := compile(t, tempFile(t, "dump.yaml", `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store, namespace: demo, uid: second}
spec: {serviceName: store, template: {metadata: {labels: {app: store}}, spec: {containers: [{name: store, image: store}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: store-0, namespace: demo, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: store, uid: first, controller: true}]}
spec: {containers: [{name: store, image: store}]}
`))
	expectEqual(t, "Pods", out.pods(t), "store-0 of Pod store-0", "store-statefulset-0 of StatefulSet store")
}

func TestADaemonSetHasAsManyPodsAsItsStatusReports(t *testing.T) {
	out := compile(t, tempFile(t, "dump.yaml", `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: demo}
spec: {template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: agent, image: agent}]}}}
status: {desiredNumberScheduled: 3}
`))
	expectEqual(t, "Pods", out.pods(t), "agent-0 of DaemonSet agent", "agent-1 of DaemonSet agent", "agent-2 of DaemonSet agent")
}

func TestAnErrorInAListNamesItsLine(t *testing.T) {
	for name, one := range map[string]struct{ list, want string }{
		"an unknown field": {`
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: demo}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: api, namespace: demo}
  spec: {hosts: [api], http: [{timout: 3s, route: [{destination: {host: api}}]}]}
`, `(standard input):8: VirtualService demo/api: unknown field "timout" in istio.networking.v1alpha3.HTTPRoute`},
		"without a name": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service}\n", "(standard input):4: Service: metadata.name is missing"},
		"without a kind": {"apiVersion: v1\nkind: List\nitems:\n- {metadata: {name: a}}\n", "(standard input):4: not a manifest: apiVersion or kind is missing"},
		"not a list":     {"apiVersion: example.com/v1\nkind: AllowList\nspec: {}\n", "(standard input):1: AllowList: metadata.name is missing"},
		// kubectl also reads an unquoted yes as a boolean, so it reports an error for this manifest too.
		"an unquoted yes": {"apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {ready: yes}}\n",
			"(standard input):1: Service default/a: json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if run := runProgram(t, one.list, "-"); run.code != 65 || run.stderr != one.want+"\n" {
				t.Errorf("exit %d\n%s\nexpected\n%s", run.code, run.stderr, one.want)
			}
		})
	}
}

func TestAnEmptyListIsAccepted(t *testing.T) {
	if run := runProgram(t, "apiVersion: v1\nkind: List\nitems: []\n", "-", twoWorkloads); run.code != 0 || run.stderr != "" {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

func TestAWorkloadIsKeptIfItsOwnerIsNotItsController(t *testing.T) {
	// The owner reference does not set `controller`. Such a reference only means that the DaemonSet is deleted together with the
	// Deployment.
	out := compile(t, twoWorkloads, tempFile(t, "agent.yaml", `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: demo, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, uid: d-api}]}
spec: {template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: agent, image: agent}]}}}
`))
	expectEqual(t, "Pods", out.pods(t), "agent-0 of DaemonSet agent", "api-0 of Deployment api", "api-1 of Deployment api", "web-0 of Deployment web")
}

func TestAPodThatHasEndedIsReportedAsANote(t *testing.T) {
	dump := tempFile(t, "dump.yaml", `apiVersion: batch/v1
kind: Job
metadata: {name: sweep, namespace: demo, uid: j-sweep}
spec: {}
---
apiVersion: v1
kind: Pod
metadata: {name: sweep-x7k2p, namespace: demo, labels: {app: api}, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: sweep, uid: j-sweep, controller: true}]}
spec: {containers: [{name: sweep, image: sweep}]}
status: {phase: Succeeded}
`)
	run := runProgram(t, "", twoWorkloads, dump)
	if run.code != 0 || run.stderr != "note: "+dump+":6: Pod demo/sweep-x7k2p: the Pod has ended and is left out\n" {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

func TestAnInjectedPodHasASidecarInANamespaceWithoutInjection(t *testing.T) {
	out := compile(t, tempFile(t, "pod.yaml", `apiVersion: v1
kind: Pod
metadata: {name: one, namespace: demo, labels: {app: one}, annotations: {sidecar.istio.io/status: '{"revision":"default"}'}}
spec:
  initContainers: [{name: istio-proxy, image: proxyv2, restartPolicy: Always}]
  containers: [{name: one, image: one}]
`))
	if found := out.workload(t, "demo/one").Proxy; found != sidecar {
		t.Errorf("%q", found)
	}
}

func TestASecretInTheDumpReplacesTheCertificatesPlaceholder(t *testing.T) {
	run := runProgram(t, "", twoWorkloads, tempFile(t, "dump.yaml", `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: edge, namespace: demo}
spec: {secretName: edge-cert, dnsNames: [demo.example.com], issuerRef: {name: any}}
---
apiVersion: v1
kind: Secret
metadata: {name: edge-cert, namespace: demo, annotations: {cert-manager.io/certificate-name: edge}}
type: Opaque
stringData: {mark: given}
`), "--objects", tempFile(t, "objects.yaml", ""))
	if run.code != 0 || run.stderr != "" {
		t.Fatalf("exit %d\n%s", run.code, run.stderr)
	}
}
