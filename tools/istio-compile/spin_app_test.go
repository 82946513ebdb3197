package main

import (
	"reflect"
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
