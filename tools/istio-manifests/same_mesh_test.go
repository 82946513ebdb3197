package manifests

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The two overlays, each with the objects that a cluster has before the overlay is applied. istio-compile leaves out the Pods of
// CronJobs. The Deployment `operator` has the same labels and the same identity as these Pods, so it gets the same proxy.
var (
	clusterOverlay = []string{
		"k8s/overlays/aks-prod", "k8s/overlays/local/cluster.yaml", "k8s/overlays/local/operator.yaml", "tools/istio-manifests/testdata/collector.yaml",
	}
	localOverlay = []string{"k8s/overlays/local"}
)

// withIptables removes the annotation of the Deployment `operator` that turns iptables off on the local mesh.
var withIptables = change{
	name: "a Pod with iptables", target: "kind: Deployment, name: operator",
	operations: []string{`{op: remove, path: /spec/template/metadata/annotations/sidecar.istio.io~1interceptionMode}`},
}

// bothMeshes compiles both overlays, once for all tests.
var bothMeshes = sync.OnceValues(func() (meshes [2]proxies, err error) {
	tools, err := findTools()
	if err != nil {
		return meshes, err
	}
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { meshes[0], errs[0] = compileMesh(tools.compile, clusterOverlay, []change{withIptables}) })
	both.Go(func() { meshes[1], errs[1] = compileMesh(tools.compile, localOverlay, nil) })
	both.Wait()
	return meshes, errors.Join(errs[:]...)
})

// docs/deploy.md states the promise of this test.
func TestTheMeshOfTheClusterEqualsTheLocalMesh(t *testing.T) {
	meshes, err := bothMeshes()
	if err != nil {
		t.Fatal(err)
	}
	unlisted, unused := withoutIntended(compareMeshes(meshes[0], meshes[1]), intendedDifferences)
	for _, d := range unlisted {
		t.Errorf("a difference that the table does not list:\n%s", d)
	}
	for _, one := range unused {
		t.Errorf("the table lists a difference that does not exist: %+v", one)
	}
}

// localChanges are changes of the local overlay, and clusterChanges of the overlay for the cluster.
var (
	localChanges = []change{
		{
			"another timeout", "kind: VirtualService, name: inventory",
			[]string{`{op: replace, path: /spec/http/0/timeout, value: 4s}`},
			[]pattern{{"shop/order-v1", `routes["80"].virtual_hosts["inventory.*"].routes["read"].route.timeout`, `"3s"`, `"4s"`},
				{"shop/*", `routes["80"].virtual_hosts["inventory.*"].routes["read"].route.*timeout`, `"3s"`, `"4s"`}},
		},
		{
			"no retries", "kind: VirtualService, name: cart",
			[]string{`{op: replace, path: /spec/http/0/retries, value: {attempts: 0}}`},
			[]pattern{{"shop/*", `routes["80"].virtual_hosts["cart.*"].routes["read"].route.retry_policy`, `*"num_retries":3*`, "none"}},
		},
		{
			"other weights", "kind: VirtualService, name: product-public",
			[]string{`{op: replace, path: /spec/http/3/route/0/weight, value: 80}`, `{op: replace, path: /spec/http/3/route/1/weight, value: 20}`},
			[]pattern{{"istio-system/istio-ingressgateway", `routes["http*"].*["product-read"].*weighted_clusters.*["outbound|80|v1|*"].weight`, "90", "80"},
				{"istio-system/istio-ingressgateway", `routes["http*"].*["product-read"].*weighted_clusters.*["outbound|80|v2|*"].weight`, "10", "20"}},
		},
		{
			"a match without its method", "kind: VirtualService, name: cart-public",
			[]string{`{op: remove, path: /spec/http/0/match/0/method}`},
			[]pattern{{"istio-system/istio-ingressgateway", `routes["http*"].*["cart-read"].match.headers`, `*"regex":"GET|HEAD"*`, "none"}},
		},
		{
			"another order of routes", "kind: VirtualService, name: user-public",
			[]string{`{op: move, from: /spec/http/0, path: /spec/http/1}`},
			[]pattern{{"istio-system/istio-ingressgateway", `routes["http*"].*.routes.order`, `*"user-read","login"*`, `*"login","user-read"*`}},
		},
		{
			"an injected fault", "kind: VirtualService, name: storefront",
			[]string{`{op: add, path: /spec/http/0/fault, value: {abort: {httpStatus: 500, percentage: {value: 1}}}}`},
			[]pattern{{"shop/operator", `routes["80"].virtual_hosts["storefront.*"].routes["read"].typed_per_filter_config`, "none", `*"http_status":500*`}},
		},
		{
			"a header", "kind: VirtualService, name: storefront",
			[]string{`{op: add, path: /spec/http/1/headers, value: {request: {set: {x-a: b}}}}`},
			[]pattern{{"shop/operator", `routes["80"].virtual_hosts["storefront.*"].routes["write"].request_headers_to_add`, "none", `*"key":"x-a"*`}},
		},
		{
			"another origin of CORS", "kind: EnvoyFilter, name: cors",
			[]string{`{op: replace, path: /spec/configPatches/0/patch/value/typed_per_filter_config/envoy.filters.http.cors/allow_origin_string_match/0/exact, value: x}`},
			[]pattern{{"istio-system/istio-ingressgateway", `routes["http*"].virtual_hosts["*"].typed_per_filter_config["envoy.filters.http.cors"].*`, `"https://shop.example.com"`, `"x"`}},
		},
		{
			"a host that a service cannot call", "kind: Sidecar, name: order",
			[]string{`{op: remove, path: /spec/egress/0/hosts/3}`},
			[]pattern{{"shop/order-v1", `routes["80"].virtual_hosts["user.*"]`, `*`, "none"},
				{"shop/order-v1", `clusters["outbound|80||user.*"]`, `*`, "none"}},
		},
		{
			"a missing rule of an AuthorizationPolicy", "kind: AuthorizationPolicy, name: order",
			[]string{`{op: remove, path: /spec/rules/2}`},
			[]pattern{{"shop/order-v1", `inbound["port 80 tls"].*["envoy.filters.http.rbac"].*["ns[shop]-policy[order]-rule[2]"]`, `*sa/operator*`, "none"}},
		},
		{
			"a PeerAuthentication that permits plaintext", "kind: PeerAuthentication, name: payment",
			[]string{`{op: replace, path: /spec/mtls/mode, value: PERMISSIVE}`},
			[]pattern{{"shop/payment-v1", `inbound["port 80 raw_buffer"]`, "none", "*"},
				{"shop/payment-v1", `inbound["port 80 tls"].filter_chain_match.application_protocols`, "none", `*"istio"*`}},
		},
		{
			"another audience of tokens", "kind: RequestAuthentication, name: shop",
			[]string{`{op: replace, path: /spec/jwtRules/0/audiences/0, value: anyone}`},
			[]pattern{{"istio-system/istio-ingressgateway", `inbound["port 8*"].*["envoy.filters.http.jwt_authn"].*.audiences`, `["stoa"]`, `["anyone"]`}},
		},
		{
			"another rate limit", "kind: EnvoyFilter, name: limits",
			[]string{`{op: replace, path: /spec/configPatches/0/patch/value/typed_config/token_bucket/max_tokens, value: 3000}`},
			[]pattern{{"istio-system/istio-ingressgateway", `inbound["port 8*"].*["envoy.filters.http.local_ratelimit"].*.token_bucket.max_tokens`, "2000", "3000"}},
		},
		{
			"another percentage of a Wasm filter", "kind: WasmPlugin, name: payment-fault",
			[]string{`{op: replace, path: /spec/pluginConfig/rules/0/percentage/numerator, value: 20}`},
			[]pattern{{"shop/payment-v1", `extensions["*payment-fault*"].typed_config.config.configuration.value`, `*\"numerator\":10}*`, `*\"numerator\":20}*`},
				{"shop/payment-v1", `extensions["*payment-fault*"].*.ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION`, "*", "*"}},
		},
		{
			"a slower ejection of endpoints", "kind: DestinationRule, name: notification",
			[]string{`{op: replace, path: /spec/trafficPolicy/outlierDetection/consecutive5xxErrors, value: 9}`},
			[]pattern{{"*", `clusters["outbound|80||notification.*"].outlier_detection.consecutive_5xx`, "3", "9"}},
		},
		{
			"another load balancer", "kind: DestinationRule, name: user",
			[]string{`{op: replace, path: /spec/trafficPolicy/loadBalancer/simple, value: RANDOM}`},
			[]pattern{{"*", `clusters["outbound|80||user.*"].lb_policy`, "*", `"RANDOM"`}},
		},
		{
			"plaintext to a service", "kind: DestinationRule, name: shipping",
			[]string{`{op: add, path: /spec/trafficPolicy/tls, value: {mode: DISABLE}}`},
			[]pattern{{"*", `clusters["outbound|80||shipping.*"].transport_socket_matches`, "*spiffe://*", "none"}},
		},
	}
	clusterChanges = []change{
		{
			"another timeout of a third party", "kind: VirtualService, name: processor",
			[]string{`{op: replace, path: /spec/http/0/timeout, value: 9s}`},
			[]pattern{{"shop/payment-v1", `routes["80"].virtual_hosts["processor.*"].routes["all"].route.*timeout`, `"9s"`, `"6s"`}},
		},
		{
			"another name in the certificate of a third party", "kind: DestinationRule, name: carrier",
			[]string{`{op: replace, path: /spec/trafficPolicy/tls/subjectAltNames/0, value: other.example.com}`},
			[]pattern{{"shop/shipping-v1", `clusters["outbound|80||carrier.*"].transport_socket`, "*other.example.com*", "none"}},
		},
		{
			"another limit of connections to a third party", "kind: DestinationRule, name: sms",
			[]string{`{op: replace, path: /spec/trafficPolicy/connectionPool/tcp/maxConnections, value: 7}`},
			[]pattern{{"shop/notification-v1", `clusters["outbound|80||sms.*"].circuit_breakers.*.max_connections`, "7", "100"}},
		},
	}
)

// This test shows that the comparison finds differences. Without it, a comparison that leaves out too much would pass.
func TestTheComparisonReportsEachChangeOfAManifest(t *testing.T) {
	tools := toolsOf(t)
	meshes, err := bothMeshes()
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, changes []change, found []difference) {
		unlisted, _ := withoutIntended(found, intendedDifferences)
		var expected []pattern
		for _, one := range changes {
			expected = append(expected, one.want...)
			for _, want := range one.want {
				if !slices.ContainsFunc(unlisted, want.matches) {
					t.Errorf("%s: no reported difference matches %+v", one.name, want)
				}
			}
		}
		for _, d := range unlisted {
			if !slices.ContainsFunc(expected, func(want pattern) bool { return want.matches(d) }) {
				t.Errorf("no change of this test explains this difference:\n%s", d)
			}
		}
	}
	t.Run("of the local overlay", func(t *testing.T) {
		t.Parallel()
		changed, err := compileMesh(tools.compile, localOverlay, localChanges)
		if err != nil {
			t.Fatal(err)
		}
		check(t, localChanges, compareMeshes(meshes[0], changed))
	})
	t.Run("of the overlay for the cluster", func(t *testing.T) {
		t.Parallel()
		changed, err := compileMesh(tools.compile, clusterOverlay, append([]change{withIptables}, clusterChanges...))
		if err != nil {
			t.Fatal(err)
		}
		check(t, clusterChanges, compareMeshes(changed, meshes[1]))
	})
}

func TestARowOfTheTableThatMatchesNothingIsReported(t *testing.T) {
	found := []difference{{"shop/a", "b", "1", "2"}, {"shop/a", "c", "1", "2"}}
	listed := pattern{"shop/a", "b", "1", "2"}
	table := []intended{{patterns: []pattern{listed, {"shop/a", "b", "1", "3"}, {"shop/", "b", ".*", ".*"}}}}
	unlisted, unused := withoutIntended(found, table)
	if !slices.Equal(unlisted, found[1:]) || !slices.Equal(unused, table[0].patterns[1:]) {
		t.Errorf("unlisted: %v, unused: %v", unlisted, unused)
	}
}

// The page with the promise that this file tests, and with the table of the differences.
const deployPage = "docs/deploy.md"

func TestThePageListsTheDifferences(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, deployPage))
	if err != nil {
		t.Fatal(err)
	}
	want := "| on the cluster | on one machine | reason |\n|---|---|---|\n"
	for _, row := range intendedDifferences {
		want += "| " + strings.Join([]string{row.onCluster, row.onLocal, row.why}, " | ") + " |\n"
	}
	if !strings.Contains(string(text), "\n\n"+want+"\n") {
		t.Errorf("%s does not contain this table:\n%s", deployPage, want)
	}
}
