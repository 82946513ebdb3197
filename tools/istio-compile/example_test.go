package main

import (
	"strings"
	"testing"
)

// find is the first object with this key within a resource.
func find(of any, key string) any {
	switch of := of.(type) {
	case []any:
		for _, one := range of {
			if found := find(one, key); found != nil {
				return found
			}
		}
	case map[string]any:
		if found, there := of[key]; there {
			return found
		}
		for _, one := range of {
			if found := find(one, key); found != nil {
				return found
			}
		}
	}
	return nil
}

func TestTheExampleSendsAFifthToTheNextRelease(t *testing.T) {
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
	if found := text(t, find(cluster, "outlier_detection")); !strings.Contains(found, `"consecutive_5xx":3`) {
		t.Errorf("outlier detection: %s", found)
	}
}

func TestTheExamplesGatewayServesTheCatalogueAlone(t *testing.T) {
	out := compile(t, "example")
	found := text(t, out.resource(t, "edge/gateway-0/routes.json", "http.8080"))
	if !strings.Contains(found, `"outbound|80||catalogue.books.svc.cluster.local"`) || !strings.Contains(found, `"books.example.com"`) {
		t.Errorf("no way to the catalogue: %s", found)
	}
	if strings.Contains(found, "reviews") {
		t.Errorf("a way to the reviews: %s", found)
	}
}

func TestTheExamplesReviewsAreForTheCatalogueAlone(t *testing.T) {
	out := compile(t, "example")
	for _, pod := range []string{"reviews-v1-0", "reviews-v1-1", "reviews-v2-0"} {
		inbound := out.resource(t, "books/"+pod+"/listeners.json", "virtualInbound")
		rules := text(t, find(inbound, "policies"))
		if !strings.Contains(rules, `spiffe://cluster.local/ns/books/sa/catalogue`) || !strings.Contains(rules, `"exact":"GET"`) {
			t.Errorf("%s: %s", pod, rules)
		}
	}
	if found := find(out.resource(t, "books/catalogue-0/listeners.json", "virtualInbound"), "policies"); found != nil {
		t.Errorf("the catalogue has a policy: %s", text(t, found))
	}
}
