package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pods lists the Pods in workloads.json. Each entry has the form "POD of KIND NAME"; KIND and NAME are those of the manifest from
// which the Pod is derived.
func (c compiled) pods(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, one := range c.inventory(t).Workloads {
		found = append(found, fmt.Sprintf("%s of %s %s", one.Pod, one.Kind, one.Owner))
	}
	return found
}

// endpoints lists the Pods behind each port of each Service. Each entry has the form "SERVICE/PORT: POD POD".
func (c compiled) endpoints(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, service := range c.inventory(t).Services {
		for _, port := range service.Ports {
			line := service.Name + "/" + port.Name + ":"
			for _, endpoint := range port.Endpoints {
				line += " " + endpoint.Pod
			}
			found = append(found, line)
		}
	}
	return found
}

func expectEqual(t *testing.T, what string, found []string, want ...string) {
	t.Helper()
	if !slices.Equal(found, want) {
		t.Errorf("%s:\n%s\nexpected\n%s", what, strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

func TestARolloutGivesTheSamePodsAsADeployment(t *testing.T) {
	out := compile(t, "testdata/rollout.yaml")
	expectEqual(t, "Pods", out.pods(t), "shop-0 of Deployment shop", "web-0 of Rollout web", "web-1 of Rollout web")
	expectEqual(t, "endpoints", out.endpoints(t), "web-canary/http: web-0 web-1", "web-stable/http: web-0 web-1")
	if account := out.workload(t, "demo/web-1").ServiceAccount; account != "web" {
		t.Errorf("the Pod has the service account %s, expected web", account)
	}
	// The policy selects the Rollout's Pods by their labels, so their sidecars must contain it.
	rules := toJSON(t, find(out.resource(t, "demo/web-0/listeners.json", "virtualInbound"), "policies"))
	if !strings.Contains(rules, `"exact":"GET"`) {
		t.Errorf("no policy: %s", rules)
	}
	weights := toJSON(t, find(out.resource(t, "demo/shop-0/routes.json", "80"), "weighted_clusters"))
	for _, part := range []string{`"outbound|80||web-stable.demo.svc.cluster.local","weight":80`, `"outbound|80||web-canary.demo.svc.cluster.local","weight":20`} {
		if !strings.Contains(weights, part) {
			t.Errorf("no %s in %s", part, weights)
		}
	}
}

// The dump of a Rollout in progress. The Services select Pods by the hashes of the Rollout's ReplicaSets, which are aaa and bbb.
// The Rollout's own template does not contain a hash.
const rolloutInProgress = `apiVersion: v1
kind: Service
metadata: {name: web-stable, namespace: demo}
spec: {selector: {app: web, rollouts-pod-template-hash: aaa}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-canary, namespace: demo}
spec: {selector: {app: web, rollouts-pod-template-hash: bbb}, ports: [{name: http, port: 80}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: demo, uid: r-web}
spec:
  replicas: 3
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
---
# The Rollout also owns an AnalysisRun of Argo, which has no Pods.
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: web-1, namespace: demo, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: r-web, controller: true}]}
`

// dumpWithReleases returns rolloutInProgress and two further objects. The parameter `format` is the template of these two objects.
// The first object contains the hash aaa, and the second the hash bbb.
func dumpWithReleases(format string) string {
	return rolloutInProgress + fmt.Sprintf(format, "aaa") + fmt.Sprintf(format, "bbb")
}

func TestARolloutInProgressHasThePodsOfItsReplicaSets(t *testing.T) {
	dump := tempFile(t, "dump.yaml", dumpWithReleases(`---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-%[1]s
  namespace: demo
  ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: r-web, controller: true}]
spec:
  replicas: 1
  template: {metadata: {labels: {app: web, rollouts-pod-template-hash: %[1]s}}, spec: {containers: [{name: web, image: web}]}}
`))
	out := compile(t, dump)
	expectEqual(t, "Pods", out.pods(t), "web-aaa-0 of ReplicaSet web-aaa", "web-bbb-0 of ReplicaSet web-bbb")
	expectEqual(t, "endpoints", out.endpoints(t), "web-canary/http: web-bbb-0", "web-stable/http: web-aaa-0")
}

func TestARolloutInProgressHasTheDumpedPodsIfTheDumpHasNoReplicaSets(t *testing.T) {
	dump := tempFile(t, "dump.yaml", dumpWithReleases(`---
apiVersion: v1
kind: Pod
metadata:
  name: web-%[1]s-x7k2p
  namespace: demo
  labels: {app: web, rollouts-pod-template-hash: %[1]s}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-%[1]s, uid: r-%[1]s, controller: true}]
spec: {containers: [{name: web, image: web}]}
`))
	out := compile(t, dump)
	expectEqual(t, "Pods", out.pods(t), "web-aaa-x7k2p of Pod web-aaa-x7k2p", "web-bbb-x7k2p of Pod web-bbb-x7k2p")
	expectEqual(t, "endpoints", out.endpoints(t), "web-canary/http: web-bbb-x7k2p", "web-stable/http: web-aaa-x7k2p")
}

// rolloutWithWorkloadRef returns a Rollout whose workloadRef names Deployment api. The parameter `rest` is text that follows this
// name in the workloadRef: it continues the name, or adds a field.
func rolloutWithWorkloadRef(rest string) string {
	return fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: api, namespace: demo}
spec: {replicas: 1, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: api%s}}
`, rest)
}

func TestARolloutWithAWorkloadRefUsesTheWorkloadsTemplate(t *testing.T) {
	for name, one := range map[string]struct {
		scaleDown string
		want      []string
	}{
		// The Deployment and the Rollout run at the same time, and have the same name.
		"the workload stays":          {"", []string{"api-0 of Deployment api", "api-1 of Deployment api", "api-rollout-0 of Rollout api"}},
		"the workload is scaled down": {", scaleDown: onsuccess", []string{"api-0 of Rollout api"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := compile(t, twoWorkloads, tempFile(t, "rollout.yaml", rolloutWithWorkloadRef(one.scaleDown)))
			found := out.pods(t)
			expectEqual(t, "Pods", found, append(one.want, "web-0 of Deployment web")...)
			pod, _, _ := strings.Cut(one.want[len(one.want)-1], " ")
			if labels := out.workload(t, "demo/"+pod).Labels; labels["app"] != "api" || labels["version"] != "v1" {
				t.Errorf("labels: %v", labels)
			}
		})
	}
}
