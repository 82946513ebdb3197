package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	// This import registers every protobuf type that an Any in Istio's resources may contain.
	_ "istio.io/istio/pkg/config/xds"
)

// resources holds the resources that Istio sends to one proxy, by kind, as JSON.
type resources struct {
	Listeners, Routes, Clusters, Endpoints, Extensions []map[string]any
}

// sorted converts resources to JSON, and sorts them by name.
func sorted(from []*anypb.Any) ([]map[string]any, error) {
	var found []map[string]any
	for _, resource := range from {
		// protojson varies the spaces in its output on purpose. So its output is parsed here, and encoding/json later writes the
		// files.
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(resource)
		if err != nil {
			return nil, err
		}
		var read map[string]any
		if err := json.Unmarshal(text, &read); err != nil {
			return nil, err
		}
		found = append(found, read)
	}
	slices.SortStableFunc(found, func(a, b map[string]any) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return found, nil
}

func nameOf(resource map[string]any) string {
	for _, key := range []string{"name", "cluster_name"} {
		if name, ok := resource[key].(string); ok {
			return name
		}
	}
	return ""
}

func keys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// references collects the names of endpoints, routes and extensions to which other resources refer.
type references struct{ endpoints, routes, extensions map[string]bool }

func (n *references) walk(found []map[string]any) {
	if n.routes == nil {
		n.endpoints, n.routes, n.extensions = map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
	for _, resource := range found {
		if resource["type"] == "EDS" {
			name := nameOf(resource)
			if eds, ok := resource["eds_cluster_config"].(map[string]any); ok {
				if service, ok := eds["service_name"].(string); ok && service != "" {
					name = service
				}
			}
			n.endpoints[name] = true
		}
		n.visit(resource)
	}
}

func (n *references) visit(value any) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			n.visit(one)
		}
	case map[string]any:
		if rds, ok := value["rds"].(map[string]any); ok {
			if name, ok := rds["route_config_name"].(string); ok {
				n.routes[name] = true
			}
		}
		if _, ok := value["config_discovery"].(map[string]any); ok {
			n.extensions[nameOf(value)] = true
		}
		for _, one := range value {
			n.visit(one)
		}
	}
}
