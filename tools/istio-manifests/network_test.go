package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// gateway is the identity of the gateway, and stands for its Pods in a set of calls.
const gateway = "istio-ingressgateway"

// calls is a set of permitted calls, each in the form "caller -> callee".
type calls map[string]bool

func (c calls) add(caller, callee string) { c[caller+" -> "+callee] = true }

// objectsOf returns the objects of a kind in a rendered combination.
func objectsOf(t *testing.T, rendered []byte, kind string) []unstructured.Unstructured {
	t.Helper()
	var found []unstructured.Unstructured
	for _, object := range objects(t, rendered) {
		if object.GetKind() == kind {
			found = append(found, object)
		}
	}
	if len(found) == 0 {
		t.Fatalf("there is no %s", kind)
	}
	return found
}

// authorized returns the calls that the AuthorizationPolicies of the shop permit. The name of a policy is the name of its service.
func authorized(t *testing.T, rendered []byte) calls {
	t.Helper()
	found := calls{}
	for _, policy := range objectsOf(t, rendered, "AuthorizationPolicy") {
		if policy.GetNamespace() != "shop" {
			continue
		}
		rules, _, _ := unstructured.NestedSlice(policy.Object, "spec", "rules")
		for _, rule := range rules {
			sources, _, _ := unstructured.NestedSlice(rule.(map[string]any), "from")
			if len(sources) == 0 {
				t.Errorf("%s: a rule permits every caller", policy.GetName())
			}
			for _, source := range sources {
				principals, _, _ := unstructured.NestedStringSlice(source.(map[string]any), "source", "principals")
				for _, principal := range principals {
					caller := principal[strings.LastIndex(principal, "/")+1:]
					found.add(strings.TrimSuffix(caller, "-service-account"), policy.GetName())
				}
			}
		}
	}
	return found
}

// apps returns the values of the label app (or istio, which the gateway has) that a selector of Pods selects.
func apps(t *testing.T, selector *metav1.LabelSelector) []string {
	t.Helper()
	if app, ok := selector.MatchLabels["app"]; ok {
		return []string{app}
	}
	if selector.MatchLabels["istio"] == "ingressgateway" {
		return []string{gateway}
	}
	if len(selector.MatchExpressions) == 1 && selector.MatchExpressions[0].Key == "app" && selector.MatchExpressions[0].Operator == metav1.LabelSelectorOpIn {
		return selector.MatchExpressions[0].Values
	}
	t.Errorf("this test does not understand the selector %v", selector)
	return nil
}

// connected returns the connections to port 80 that the NetworkPolicies of the shop permit: as the callees' ingress rules permit
// them, and as the callers' egress rules permit them.
func connected(t *testing.T, rendered []byte) (ingress, egress calls) {
	t.Helper()
	ingress, egress = calls{}, calls{}
	// isHTTP reports whether the rule is for port 80. Every rule names its ports, and its peers.
	isHTTP := func(policy string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) bool {
		if len(peers) == 0 {
			t.Errorf("%s: a rule permits every peer", policy)
		}
		if len(ports) == 0 {
			t.Errorf("%s: a rule permits every port", policy)
		}
		return slices.ContainsFunc(ports, func(port networkingv1.NetworkPolicyPort) bool {
			if port.Port == nil || port.EndPort != nil {
				t.Errorf("%s: a rule permits more than one port", policy)
				return true
			}
			return port.Port.IntValue() == 80
		})
	}
	// appsOf returns the apps of a peer for port 80: the gateway in its namespace, or Pods of the shop.
	appsOf := func(policy string, peer networkingv1.NetworkPolicyPeer) []string {
		if peer.PodSelector == nil {
			t.Errorf("%s: a peer for port 80 does not select Pods", policy)
			return nil
		}
		found := apps(t, peer.PodSelector)
		namespace := ""
		if peer.NamespaceSelector != nil {
			namespace = peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]
		}
		if isGateway := slices.Contains(found, gateway); isGateway && namespace != "istio-system" || !isGateway && peer.NamespaceSelector != nil {
			t.Errorf("%s: %v are in the namespace %q", policy, found, namespace)
		}
		return found
	}
	for _, object := range objectsOf(t, rendered, "NetworkPolicy") {
		if object.GetNamespace() != "shop" {
			continue
		}
		text, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var policy networkingv1.NetworkPolicy
		if err := yaml.Unmarshal(text, &policy); err != nil {
			t.Fatal(err)
		}
		for _, rule := range policy.Spec.Ingress {
			if !isHTTP(policy.Name, rule.From, rule.Ports) {
				continue
			}
			for _, peer := range rule.From {
				for _, caller := range appsOf(policy.Name, peer) {
					for _, callee := range apps(t, &policy.Spec.PodSelector) {
						ingress.add(caller, callee)
					}
				}
			}
		}
		for _, rule := range policy.Spec.Egress {
			if !isHTTP(policy.Name, rule.To, rule.Ports) {
				continue
			}
			for _, peer := range rule.To {
				for _, caller := range apps(t, &policy.Spec.PodSelector) {
					for _, callee := range appsOf(policy.Name, peer) {
						egress.add(caller, callee)
					}
				}
			}
		}
	}
	return ingress, egress
}

func TestNetworkPoliciesPermitTheCallsOfTheAuthorizationPolicies(t *testing.T) {
	rendered := combination{"network", []string{"k8s/base", "istio/base"}, nil}.render(t)
	want := authorized(t, rendered)
	ingress, egress := connected(t, rendered)
	if len(want) < 30 {
		t.Fatalf("the policies permit only %d calls: %v", len(want), want)
	}
	difference := func(a, b calls) []string {
		only := maps.Clone(a)
		for call := range b {
			delete(only, call)
		}
		return slices.Sorted(maps.Keys(only))
	}
	report := func(name string, found, want calls) {
		if missing, extra := difference(want, found), difference(found, want); len(missing)+len(extra) > 0 {
			t.Errorf("%s: missing %v, not in an AuthorizationPolicy: %v", name, missing, extra)
		}
	}
	report("ingress rules", ingress, want)
	// The gateway is in istio-system, whose Pods the shop's policies do not restrict.
	for call := range want {
		if strings.HasPrefix(call, gateway+" -> ") {
			delete(want, call)
		}
	}
	report("egress rules", egress, want)
}

func TestEveryPodOfTheShopIsIsolated(t *testing.T) {
	rendered := combination{"network", []string{"k8s/base", "istio/base"}, []string{"k8s/components/partners", "istio/components/partners"}}.render(t)
	isolated := map[string]string{}
	for _, policy := range objectsOf(t, rendered, "NetworkPolicy") {
		selector, _, _ := unstructured.NestedMap(policy.Object, "spec", "podSelector")
		types, _, _ := unstructured.NestedStringSlice(policy.Object, "spec", "policyTypes")
		if len(selector) == 0 && len(types) == 2 {
			isolated[policy.GetNamespace()] = policy.GetName()
		}
	}
	for _, namespace := range []string{"shop", "partners"} {
		if isolated[namespace] == "" {
			t.Errorf("no NetworkPolicy selects every Pod of %s, in both directions: %v", namespace, fmt.Sprint(isolated))
		}
	}
}
