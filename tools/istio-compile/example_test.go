package main

import (
	"strings"
	"testing"
)

// find searches a resource at all depths for this key, and returns the value at the first place where it finds the key. It returns
// nil if the resource does not contain the key.
func find(value any, key string) any {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			if found := find(one, key); found != nil {
				return found
			}
		}
	case map[string]any:
		if found, ok := value[key]; ok {
			return found
		}
		for _, one := range value {
			if found := find(one, key); found != nil {
				return found
			}
		}
	}
	return nil
}

func TestTheExampleSends20PercentToTheNextRelease(t *testing.T) {
	out := compile(t, "example")
	routes := out.resource(t, "books/catalogue-0/routes.json", "80")
	weights := map[string]float64{}
	for _, one := range find(routes, "weighted_clusters").(map[string]any)["clusters"].([]any) {
		weights[one.(map[string]any)["name"].(string)] = one.(map[string]any)["weight"].(float64)
	}
	const v1, v2 = "outbound|80|v1|reviews.books.svc.cluster.local", "outbound|80|v2|reviews.books.svc.cluster.local"
	if len(weights) != 2 || weights[v1] != 80 || weights[v2] != 20 {
		t.Errorf("%v", weights)
	}
	endpoints := priorities(t, out.resource(t, "books/catalogue-0/endpoints.json", v1))[0]
	if len(endpoints) != 2 || endpoints[0] != out.workload(t, "books/reviews-v1-0").IP || endpoints[1] != out.workload(t, "books/reviews-v1-1").IP {
		t.Errorf("v1 is at %v", endpoints)
	}
	endpoints = priorities(t, out.resource(t, "books/catalogue-0/endpoints.json", v2))[0]
	if len(endpoints) != 1 || endpoints[0] != out.workload(t, "books/reviews-v2-0").IP {
		t.Errorf("v2 is at %v", endpoints)
	}
	cluster := out.resource(t, "books/catalogue-0/clusters.json", v1)
	if found := toJSON(t, find(cluster, "outlier_detection")); !strings.Contains(found, `"consecutive_5xx":3`) {
		t.Errorf("outlier detection: %s", found)
	}
}

func TestTheExamplesGatewayServesOnlyTheCatalogue(t *testing.T) {
	out := compile(t, "example")
	found := toJSON(t, out.resource(t, "edge/gateway-0/routes.json", "http.8080"))
	if !strings.Contains(found, `"outbound|80||catalogue.books.svc.cluster.local"`) || !strings.Contains(found, `"books.example.com"`) {
		t.Errorf("the gateway has no route to the catalogue: %s", found)
	}
	if strings.Contains(found, "reviews") {
		t.Errorf("the gateway has a route to reviews, which is not public: %s", found)
	}
}

func TestTheExamplesReviewsAcceptOnlyTheCatalogue(t *testing.T) {
	out := compile(t, "example")
	for _, pod := range []string{"reviews-v1-0", "reviews-v1-1", "reviews-v2-0"} {
		inbound := out.resource(t, "books/"+pod+"/listeners.json", "virtualInbound")
		rules := toJSON(t, find(inbound, "policies"))
		if !strings.Contains(rules, `spiffe://cluster.local/ns/books/sa/catalogue`) || !strings.Contains(rules, `"exact":"GET"`) {
			t.Errorf("%s: %s", pod, rules)
		}
	}
	if found := find(out.resource(t, "books/catalogue-0/listeners.json", "virtualInbound"), "policies"); found != nil {
		t.Errorf("the catalogue has a policy, although no manifest contains a policy for it: %s", toJSON(t, found))
	}
}
