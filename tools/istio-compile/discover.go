package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	v3 "istio.io/istio/pilot/pkg/xds/v3"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/test"
)

// The maximum time in which Istio must answer all requests of one proxy. It is also the maximum time in which Istio must apply the
// sorted services.
const answerDeadline = 60 * time.Second

// The Istio version that each proxy reports. Istio sends a proxy only the configuration that the proxy's version understands.
const istioVersion = "1.31.0"

// discover runs Istio's discovery server, sends it the requests of each proxy, and returns the resources of each proxy. The keys of
// the returned map have the form NAMESPACE/POD.
func discover(cluster *cluster, mesh *meshconfig.MeshConfig, log *istioLog) (map[string]resources, error) {
	found, err := configs(cluster.objects)
	if err != nil {
		return nil, err
	}
	var istio []config.Config
	for _, one := range found {
		istio = append(istio, one.Config)
	}
	var kubernetes []runtime.Object
	for _, kept := range cluster.kubernetes {
		if object, ok := kept.Object.(metav1.Object); ok {
			object.SetCreationTimestamp(creationTime)
			if isOperatorsService(kept) {
				// spin-operator makes its Service after the SpinApp. Istio prefers the oldest Service of a Pod.
				object.SetCreationTimestamp(metav1.NewTime(creationTime.Add(time.Second)))
			}
		}
		kubernetes = append(kubernetes, kept.Object)
	}
	compiled := map[string]resources{}
	// FakeDiscoveryServer is written for Istio's own tests: it needs a test.Failer, and stops when the test ends. test.Wrap
	// provides a test.Failer outside of tests.
	err = test.Wrap(func(t test.Failer) {
		defer log.end()
		server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{Configs: istio, KubernetesObjects: kubernetes, MeshConfig: mesh})
		if err := sortServices(server); err != nil {
			t.Fatal(err)
		}
		for _, workload := range cluster.workloads {
			if workload.Proxy == none {
				continue
			}
			answer, err := requestResources(server, workload)
			if err != nil {
				t.Fatalf("%s/%s: %v", workload.Namespace, workload.Pod, err)
			}
			compiled[workload.Namespace+"/"+workload.Pod] = answer
		}
	})
	return compiled, err
}

// requestResources requests all resources of one proxy from Istio.
func requestResources(server *xds.FakeDiscoveryServer, pod workload) (resources, error) {
	var found resources
	connection, err := grpc.NewClient("passthrough:///istio", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return server.BufListener.Dial() }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)))
	if err != nil {
		return found, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), answerDeadline)
	defer cancel()
	opened, err := discovery.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		return found, err
	}
	node, err := nodeOfProxy(pod)
	if err != nil {
		return found, err
	}
	proxy, names := stream{opened, node}, references{}
	if found.Clusters, err = proxy.get(v3.ClusterType, nil); err != nil {
		return found, err
	}
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
	if pod.Proxy == sidecar {
		known, err := connectedProxy(server, pod.Pod+"."+pod.Namespace)
		if err != nil {
			return found, err
		}
		assignSharedAddresses(found.Routes, known)
	}
	found.Extensions, err = proxy.getSome(v3.ExtensionConfigurationType, names.extensions)
	return found, err
}

// stream is the discovery stream of one proxy.
type stream struct {
	discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	node *corev3.Node
}

// get requests the resources with these names, or all resources of the kind if `names` is empty. It acknowledges the response, and
// returns the resources as JSON, sorted by name.
func (s stream) get(kind string, names []string) ([]map[string]any, error) {
	request := &discovery.DiscoveryRequest{Node: s.node, TypeUrl: kind, ResourceNames: names}
	if err := s.Send(request); err != nil {
		return nil, err
	}
	for {
		response, err := s.Recv()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		// Istio also sends resources of other kinds on this stream (for example endpoints again after a push). They are skipped here.
		if response.TypeUrl != kind {
			continue
		}
		request.VersionInfo, request.ResponseNonce = response.VersionInfo, response.Nonce
		if err := s.Send(request); err != nil {
			return nil, err
		}
		return sorted(response.Resources)
	}
}

// getSome requests the resources with these names, or nothing if `names` is empty.
func (s stream) getSome(kind string, names map[string]bool) ([]map[string]any, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return s.get(kind, keys(names))
}

func nodeOfProxy(pod workload) (*corev3.Node, error) {
	kind := "sidecar"
	if pod.Proxy == gateway {
		kind = "router"
	}
	metadata, err := toStruct(model.NodeMetadata{
		ServiceAccount:   pod.ServiceAccount,
		Namespace:        pod.Namespace,
		InterceptionMode: model.TrafficInterceptionMode(pod.interception),
		InstanceIPs:      []string{pod.IP},
		Labels:           pod.Labels,
		WorkloadName:     pod.Owner,
		IstioVersion:     istioVersion,
		ClusterID:        "Kubernetes",
	})
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", kind, pod.IP, pod.Pod, pod.Namespace, pod.Namespace)
	node := &corev3.Node{Id: id, Metadata: metadata}
	if region, zone, ok := strings.Cut(pod.locality, "/"); ok {
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
