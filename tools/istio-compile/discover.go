package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	v3 "istio.io/istio/pilot/pkg/xds/v3"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/test"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	// Every type that may be in an Any.
	_ "istio.io/istio/pkg/config/xds"
)

// How long Istio may take to answer one request of a proxy.
const patience = 30 * time.Second

// The version that a proxy says it is. Istio sends to each what it understands.
const istioVersion = "1.31.0"

// resources are what Istio sends to one proxy, by kind, as JSON.
type resources struct {
	Listeners, Routes, Clusters, Endpoints, Extensions []map[string]any
}

// discover runs Istio's discovery server, and asks it what each proxy would ask.
func discover(cluster *cluster, mesh *meshconfig.MeshConfig) (map[string]resources, error) {
	found, _, err := configs(cluster.objects)
	if err != nil {
		return nil, err
	}
	var objects []runtime.Object
	for _, kept := range cluster.kubernetes {
		if object, ok := kept.Object.(v1.Object); ok {
			object.SetCreationTimestamp(epoch)
		}
		objects = append(objects, kept.Object)
	}
	compiled := map[string]resources{}
	// Istio's server is written for Istio's tests: it wants something that can fail, and ends when that ends.
	err = test.Wrap(func(t test.Failer) {
		server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{Configs: found, KubernetesObjects: objects, MeshConfig: mesh})
		for _, workload := range cluster.workloads {
			answer, err := ask(server, workload)
			if err != nil {
				t.Fatalf("%s/%s: %v", workload.Namespace, workload.Pod, err)
			}
			compiled[workload.Namespace+"/"+workload.Pod] = answer
		}
	})
	return compiled, err
}

// stream is one proxy's conversation with Istio.
type stream struct {
	discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	node *corev3.Node
}

func ask(server *xds.FakeDiscoveryServer, of workload) (resources, error) {
	var found resources
	connection, err := grpc.NewClient("passthrough:///istio", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return server.BufListener.Dial() }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)))
	if err != nil {
		return found, err
	}
	defer connection.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opened, err := discovery.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		return found, err
	}
	node, err := nodeOfProxy(of)
	if err != nil {
		return found, err
	}
	proxy := stream{opened, node}
	if found.Clusters, err = proxy.get(v3.ClusterType, nil); err != nil {
		return found, err
	}
	names := named{}
	names.walk(found.Clusters)
	if found.Endpoints, err = proxy.getSome(v3.EndpointType, names.endpoints); err != nil {
		return found, err
	}
	if found.Listeners, err = proxy.get(v3.ListenerType, nil); err != nil {
		return found, err
	}
	names.walk(found.Listeners)
	if found.Routes, err = proxy.getSome(v3.RouteType, names.routes); err != nil {
		return found, err
	}
	if found.Extensions, err = proxy.getSome(v3.ExtensionConfigurationType, names.extensions); err != nil {
		return found, err
	}
	return found, nil
}

func (s stream) getSome(kind string, names map[string]bool) ([]map[string]any, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var sorted []string
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	return s.get(kind, sorted)
}

// get asks for these resources, or for all of the kind, acknowledges them, and returns them as JSON, sorted by name.
func (s stream) get(kind string, names []string) ([]map[string]any, error) {
	request := &discovery.DiscoveryRequest{Node: s.node, TypeUrl: kind, ResourceNames: names}
	if err := s.Send(request); err != nil {
		return nil, err
	}
	response, err := s.receive(kind)
	if err != nil {
		return nil, err
	}
	acknowledged := &discovery.DiscoveryRequest{
		Node: s.node, TypeUrl: kind, ResourceNames: names, VersionInfo: response.VersionInfo, ResponseNonce: response.Nonce,
	}
	if err := s.Send(acknowledged); err != nil {
		return nil, err
	}
	var found []map[string]any
	for _, resource := range response.Resources {
		read, err := toJSON(resource)
		if err != nil {
			return nil, err
		}
		found = append(found, read)
	}
	slices.SortStableFunc(found, func(a, b map[string]any) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return found, nil
}

// receive skips what Istio sends unasked, such as endpoints again after a push.
func (s stream) receive(kind string) (*discovery.DiscoveryResponse, error) {
	var once sync.Once
	failed := make(chan error, 1)
	received := make(chan *discovery.DiscoveryResponse, 1)
	go once.Do(func() {
		for {
			response, err := s.Recv()
			if err != nil {
				failed <- err
				return
			}
			if response.TypeUrl == kind {
				received <- response
				return
			}
		}
	})
	select {
	case response := <-received:
		return response, nil
	case err := <-failed:
		return nil, err
	case <-time.After(patience):
		return nil, fmt.Errorf("Istio did not send %s within %s", kind, patience)
	}
}

func nodeOfProxy(of workload) (*corev3.Node, error) {
	kind, domain := "sidecar", of.Namespace+".svc.cluster.local"
	if of.Gateway {
		kind = "router"
	}
	metadata, err := toStruct(model.NodeMetadata{
		ServiceAccount:   of.ServiceAccount,
		Namespace:        of.Namespace,
		InterceptionMode: model.TrafficInterceptionMode(of.interception),
		InstanceIPs:      []string{of.IP},
		Labels:           of.Labels,
		WorkloadName:     of.Owner,
		IstioVersion:     istioVersion,
		ClusterID:        "Kubernetes",
	})
	if err != nil {
		return nil, err
	}
	node := &corev3.Node{Id: kind + "~" + of.IP + "~" + of.Pod + "." + of.Namespace + "~" + domain, Metadata: metadata}
	if region, zone, ok := strings.Cut(of.locality, "/"); ok {
		node.Locality = &corev3.Locality{Region: region, Zone: zone}
	}
	return node, nil
}

func toStruct(from any) (*structpb.Struct, error) {
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	made := &structpb.Struct{}
	return made, protojson.Unmarshal(text, made)
}

func toJSON(resource *anypb.Any) (map[string]any, error) {
	// protojson varies its spaces on purpose; what is written is made by encoding/json.
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(resource)
	if err != nil {
		return nil, err
	}
	var read map[string]any
	return read, json.Unmarshal(text, &read)
}

// nameOf is what sorts a resource.
func nameOf(resource map[string]any) string {
	for _, key := range []string{"name", "cluster_name"} {
		if name, ok := resource[key].(string); ok {
			return name
		}
	}
	return ""
}

// named are the resources that others refer to.
type named struct{ endpoints, routes, extensions map[string]bool }

func (n *named) walk(found []map[string]any) {
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

func (n *named) visit(value any) {
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
