package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const kinds = "testdata/kinds.yaml"

func TestPodsAreDerivedFromEveryKindOfWorkload(t *testing.T) {
	var found []string
	for _, one := range compile(t, kinds).inventory(t).Workloads {
		found = append(found, fmt.Sprintf("%s/%s of %s %s as %s: %s %s", one.Namespace, one.Pod, one.Kind, one.Owner, one.ServiceAccount,
			one.Labels[canonicalNameLabel]+"@"+one.Labels[canonicalRevisionLabel], one.Proxy))
	}
	want := []string{
		"kinds/agent-0 of DaemonSet agent as default: @ ",
		"kinds/cart-v1-0 of SpinApp cart-v1 as cart: cart@v1 sidecar",
		"kinds/cart-v1-1 of SpinApp cart-v1 as cart: cart@v1 sidecar",
		"kinds/lone of Pod lone as default: lone@latest sidecar",
		"kinds/store-0 of StatefulSet store as store: store@latest sidecar",
		"kinds/store-1 of StatefulSet store as store: store@latest sidecar",
		"kinds/store-2 of StatefulSet store as store: store@latest sidecar",
		"kinds/web-0 of Deployment web as default: front@7 sidecar",
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

func TestASpinAppsPodHasTheOperatorsLabels(t *testing.T) {
	out := compile(t, kinds)
	want := map[string]string{
		"app": "cart", "version": "v1", "core.spinkube.dev/app-name": "cart-v1", "core.spinkube.dev/app.cart-v1.status": "ready",
		canonicalNameLabel: "cart", canonicalRevisionLabel: "v1", tlsModeLabel: "istio",
	}
	if found := out.workload(t, "kinds/cart-v1-1").Labels; !reflect.DeepEqual(found, want) {
		t.Errorf("%v", found)
	}
	apps := out.inventory(t).SpinApps
	if len(apps) != 1 || apps[0]["spec"].(map[string]any)["image"] != "registry.example.com/cart:1" {
		t.Errorf("SpinApps: %v", apps)
	}
}

func TestIstioAppliesThePodsInterceptionMode(t *testing.T) {
	out := compile(t, kinds)
	// The interception mode of cart is NONE: no traffic is redirected, so its sidecar must not have the listeners for redirected
	// traffic.
	var listeners response
	readJSON(t, filepath.Join(string(out), "kinds/cart-v1-0/listeners.json"), &listeners)
	for _, one := range listeners.Resources {
		if name := nameOf(one); name == "virtualOutbound" || name == "virtualInbound" {
			t.Errorf("the sidecar of cart has the listener %s, although its interception mode is NONE", name)
		}
	}
	out.resource(t, "kinds/web-0/listeners.json", "virtualOutbound")
}

func TestEndpointsAreDerivedFromServices(t *testing.T) {
	out := compile(t, kinds)
	at := func(pod string) string { return out.workload(t, "kinds/"+pod).IP }
	var found []string
	for _, one := range out.inventory(t).Services {
		address := one.ClusterIP
		if strings.HasPrefix(address, "10.") {
			address = "an address"
		}
		for _, port := range one.Ports {
			line := fmt.Sprintf("%s %s%s %s %d/%s:", one.Name, address, one.ExternalName, port.Name, port.Port, port.Protocol)
			for _, to := range port.Endpoints {
				line += fmt.Sprintf(" %s=%s:%d", to.Pod, to.IP, to.Port)
			}
			found = append(found, line)
		}
	}
	want := []string{
		fmt.Sprintf("cart an address http 8000/TCP: cart-v1-0=%s:80 cart-v1-1=%s:80", at("cart-v1-0"), at("cart-v1-1")),
		// spin-operator's own Service.
		fmt.Sprintf("cart-v1 an address  80/TCP: cart-v1-0=%s:80 cart-v1-1=%s:80", at("cart-v1-0"), at("cart-v1-1")),
		"elsewhere www.example.com http 80/TCP:",
		"outside an address http 80/TCP: =192.0.2.7:8080",
		fmt.Sprintf("store None tcp 5432/TCP: store-0=%s:5432 store-1=%s:5432 store-2=%s:5432", at("store-0"), at("store-1"), at("store-2")),
		fmt.Sprintf("store-first an address tcp 5432/TCP: store-0=%s:5432", at("store-0")),
		fmt.Sprintf("web an address http 80/TCP: web-0=%s:8080 lone=%s:9090", at("web-0"), at("lone")),
		fmt.Sprintf("web an address dns 53/UDP: web-0=%s:5353 lone=%s:5353", at("web-0"), at("lone")),
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	// Istio must send the proxies the same endpoints that workloads.json lists.
	endpoints := toJSON(t, out.resource(t, "kinds/cart-v1-0/endpoints.json", "outbound|80||web.kinds.svc.cluster.local"))
	for _, endpoint := range []string{at("web-0") + `","port_value":8080`, at("lone") + `","port_value":9090`, `"web;kinds;front;7;`} {
		if !strings.Contains(endpoints, endpoint) {
			t.Errorf("no %s in %s", endpoint, endpoints)
		}
	}
}

func TestATargetPortThatNoPodHasIsReportedAsANote(t *testing.T) {
	service := tempFile(t, "service.yaml", `apiVersion: v1
kind: Service
metadata: {name: other, namespace: demo}
spec: {selector: {app: api}, ports: [{name: http, port: 80, targetPort: wep}]}
`)
	run := runProgram(t, "", twoWorkloads, service)
	if run.code != 0 || !strings.Contains(run.stderr, "service.yaml:1: Service demo/other: Pod api-0 has no port named wep") {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

func TestAKindWhosePodsAreLeftOutIsReportedAsANote(t *testing.T) {
	job := tempFile(t, "job.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: sweep, namespace: demo}\nspec: {}\n")
	run := runProgram(t, "", twoWorkloads, job)
	if run.code != 0 || run.stderr != "note: "+job+":1: CronJob demo/sweep: the Pods of this kind are left out\n" {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

// A Pod gets a sidecar only if the selectors of one of Istio's webhooks match, and the rules of Istio's injector permit the
// injection.
func TestLabelsAndAnnotationsDecideWhetherAPodGetsASidecar(t *testing.T) {
	for name, one := range map[string]struct {
		namespace, labels, annotations string
		want                           proxy
	}{
		"namespace enabled":                             {"istio-injection: enabled", "", "", sidecar},
		"namespace with a revision":                     {"istio.io/rev: canary", "", "", sidecar},
		"namespace with a revision, but disabled":       {"istio.io/rev: canary, istio-injection: disabled", "", "", none},
		"no setting":                                    {"", "", "", none},
		"namespace disabled":                            {"istio-injection: disabled", "", "", none},
		"namespace enabled, Pod disabled by label":      {"istio-injection: enabled", `sidecar.istio.io/inject: "false"`, "", none},
		"namespace enabled, Pod disabled by annotation": {"istio-injection: enabled", "", `sidecar.istio.io/inject: "false"`, none},
		"Pod enabled by label":                          {"", `sidecar.istio.io/inject: "true"`, "", sidecar},
		"Pod with a revision":                           {"", "istio.io/rev: canary", "", sidecar},
		"Pod enabled by annotation":                     {"", "", `sidecar.istio.io/inject: "true"`, none},
		"namespace disabled, Pod enabled by label":      {"istio-injection: disabled", `sidecar.istio.io/inject: "true"`, "", none},
		"Pod enabled by label, disabled by annotation":  {"istio-injection: enabled", `sidecar.istio.io/inject: "true"`, `sidecar.istio.io/inject: "false"`, sidecar},
		"gateway":                                {"", `sidecar.istio.io/inject: "true"`, "inject.istio.io/templates: gateway", gateway},
		"gateway with a second, custom template": {"istio-injection: enabled", "", `inject.istio.io/templates: "gateway, mine"`, gateway},
		"gateway's template without injection":   {"", "", "inject.istio.io/templates: gateway", none},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := tempFile(t, "pod.yaml", fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {%s}}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: demo, labels: {%s}, annotations: {%s}}
spec: {containers: [{name: one, image: one}]}
`, one.namespace, one.labels, one.annotations))
			out := filepath.Join(t.TempDir(), "out")
			if run := runProgram(t, "", manifest, "--out", out); run.code != 0 {
				t.Fatal(run.stderr)
			}
			if found := compiled(out).workload(t, "demo/one"); found.Proxy != one.want {
				t.Errorf("%q", found.Proxy)
			}
			if _, err := os.Stat(filepath.Join(out, "demo/one/listeners.json")); (err == nil) != (one.want != none) {
				t.Errorf("listeners.json: %v", err)
			}
		})
	}
}
