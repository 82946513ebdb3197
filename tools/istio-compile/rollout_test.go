package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pods are the Pods of a run's output, each with the manifest that led to it.
func (c compiled) pods(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, one := range c.inventory(t).Workloads {
		found = append(found, fmt.Sprintf("%s of %s %s", one.Pod, one.Kind, one.Owner))
	}
	return found
}

// endpoints are the Pods behind each port of each Service, as SERVICE/PORT: POD POD.
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

func equal(t *testing.T, what string, found []string, want ...string) {
	t.Helper()
	if !slices.Equal(found, want) {
		t.Errorf("%s:\n%s\nexpected\n%s", what, strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

func TestARolloutsPodsAreThoseOfADeployment(t *testing.T) {
	out := compile(t, "testdata/rollout.yaml")
	equal(t, "Pods", out.pods(t), "shop-0 of Deployment shop", "web-0 of Rollout web", "web-1 of Rollout web")
	equal(t, "endpoints", out.endpoints(t), "web-canary/http: web-0 web-1", "web-stable/http: web-0 web-1")
	if account := out.workload(t, "demo/web-1").ServiceAccount; account != "web" {
		t.Errorf("it runs as %s", account)
	}
	// The sidecar has the policy that selects the Rollout's Pods.
	rules := text(t, find(out.resource(t, "demo/web-0/listeners.json", "virtualInbound"), "policies"))
	if !strings.Contains(rules, `"exact":"GET"`) {
		t.Errorf("no policy: %s", rules)
	}
	weights := text(t, find(out.resource(t, "demo/shop-0/routes.json", "80"), "weighted_clusters"))
	for _, part := range []string{`"outbound|80||web-stable.demo.svc.cluster.local","weight":80`, `"outbound|80||web-canary.demo.svc.cluster.local","weight":20`} {
		if !strings.Contains(weights, part) {
			t.Errorf("no %s in %s", part, weights)
		}
	}
}

// The dump of a Rollout in progress: its Services select the hashes of its ReplicaSets, and the Rollout's own template has no hash.
const inProgress = `apiVersion: v1
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
# Argo's analysis is the Rollout's child as well, and has no Pods.
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: web-1, namespace: demo, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: r-web, controller: true}]}
`

// releases is the dump with an object of this format for each of the hashes aaa and bbb.
func releases(format string) string {
	return inProgress + fmt.Sprintf(format, "aaa") + fmt.Sprintf(format, "bbb")
}

func TestARolloutInProgressHasThePodsOfItsReplicaSets(t *testing.T) {
	dump := file(t, "dump.yaml", releases(`---
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
	equal(t, "Pods", out.pods(t), "web-aaa-0 of ReplicaSet web-aaa", "web-bbb-0 of ReplicaSet web-bbb")
	equal(t, "endpoints", out.endpoints(t), "web-canary/http: web-bbb-0", "web-stable/http: web-aaa-0")
}

func TestARolloutInProgressHasItsPodsWhereItsReplicaSetsAreLeftOut(t *testing.T) {
	dump := file(t, "dump.yaml", releases(`---
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
	equal(t, "Pods", out.pods(t), "web-aaa-x7k2p of Pod web-aaa-x7k2p", "web-bbb-x7k2p of Pod web-bbb-x7k2p")
	equal(t, "endpoints", out.endpoints(t), "web-canary/http: web-bbb-x7k2p", "web-stable/http: web-aaa-x7k2p")
}

// taking is a Rollout that replaces Deployment api; rest continues its workloadRef.
func taking(rest string) string {
	return fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: api, namespace: demo}
spec: {replicas: 1, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: api%s}}
`, rest)
}

func TestARolloutOfAWorkloadHasItsTemplate(t *testing.T) {
	for name, one := range map[string]struct {
		scaleDown string
		want      []string
	}{
		// Both run, and share a name.
		"which stays":          {"", []string{"api-0 of Deployment api", "api-1 of Deployment api", "api-rollout-0 of Rollout api"}},
		"which is scaled down": {", scaleDown: onsuccess", []string{"api-0 of Rollout api"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := compile(t, two, file(t, "rollout.yaml", taking(one.scaleDown)))
			found := out.pods(t)
			equal(t, "Pods", found, append(one.want, "web-0 of Deployment web")...)
			pod, _, _ := strings.Cut(one.want[len(one.want)-1], " ")
			if labels := out.workload(t, "demo/"+pod).Labels; labels["app"] != "api" || labels["version"] != "v1" {
				t.Errorf("labels: %v", labels)
			}
		})
	}
}
