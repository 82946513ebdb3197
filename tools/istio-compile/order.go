package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/util"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/constants"
)

// ordered lists Istio's services in an order that follows from the manifests. Istio itself orders them by age, host and namespace. A
// ServiceEntry has one service for each address, and these share all three: their order would depend on the iteration of a map.
type ordered struct{ model.ServiceDiscovery }

func (o ordered) Services() []*model.Service {
	return slices.SortedStableFunc(slices.Values(o.ServiceDiscovery.Services()), compareServices)
}

func (o ordered) GetProxyServiceTargets(of *model.Proxy) []model.ServiceTarget {
	return slices.SortedStableFunc(slices.Values(o.ServiceDiscovery.GetProxyServiceTargets(of)), func(a, b model.ServiceTarget) int {
		return cmp.Or(compareServices(a.Service, b.Service), cmp.Compare(a.Port.Port, b.Port.Port), cmp.Compare(a.Port.TargetPort, b.Port.TargetPort))
	})
}

func compareServices(a, b *model.Service) int {
	return cmp.Or(
		cmp.Compare(a.Hostname, b.Hostname),
		cmp.Compare(a.Attributes.Namespace, b.Attributes.Namespace),
		// The name of the ServiceEntry: several may have the same host.
		cmp.Compare(a.Attributes.K8sAttributes.ObjectName, b.Attributes.K8sAttributes.ObjectName),
		cmp.Compare(a.DefaultAddress, b.DefaultAddress),
	)
}

// order makes a server list its services in order, and waits until it has applied the change.
func order(server *xds.FakeDiscoveryServer) error {
	server.Env().ServiceDiscovery = ordered{server.Env().ServiceDiscovery}
	server.Discovery.ConfigUpdate(&model.PushRequest{Forced: true, Reason: model.NewReasonStats(model.ConfigUpdate)})
	updates := server.Discovery.InboundUpdates.Load()
	for deadline := time.Now().Add(patience); server.Discovery.CommittedUpdates.Load() < updates; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("Istio did not take its services over within %s", patience)
		}
	}
	return nil
}

// settle gives an address that several hosts share to the first of them, in each route configuration of a proxy. Istio gives it to
// the first one in a map's iteration.
func settle(routes []map[string]any, proxy *model.Proxy) {
	proxy.RLock()
	defer proxy.RUnlock()
	for _, configuration := range routes {
		addresses := addressesOf(proxy, nameOf(configuration))
		first := map[string]map[string]any{}
		// Istio sorts them by name.
		hosts, _ := configuration["virtual_hosts"].([]any)
		for _, each := range hosts {
			host, _ := each.(map[string]any)
			address := addresses[nameOf(host)]
			switch {
			case address == "" || address == constants.UnspecifiedIP:
			case first[address] == nil:
				first[address] = host
			default:
				own, shared := split(host["domains"], address)
				kept, _ := first[address]["domains"].([]any)
				host["domains"], first[address]["domains"] = own, append(kept, shared...)
			}
		}
	}
}

// addressesOf are the addresses that Istio uses as domains of a route configuration, by the names of their virtual hosts. If a host has
// several services, the address of the last one counts.
func addressesOf(proxy *model.Proxy, configuration string) map[string]string {
	found := map[string]string{}
	port, err := strconv.Atoi(configuration[strings.LastIndex(configuration, ":")+1:])
	if err != nil {
		return found
	}
	listener := proxy.SidecarScope.GetEgressListenerForRDS(port, configuration)
	if listener == nil {
		return found
	}
	for _, service := range listener.Services() {
		for _, port := range service.Ports {
			found[util.DomainName(strings.ToLower(string(service.Hostname)), port.Port)] = util.IPv6Compliant(service.GetAddressForProxy(proxy))
		}
	}
	return found
}

// split separates the domains that are this address, with or without a port, from the others.
func split(domains any, address string) (others, those []any) {
	all, _ := domains.([]any)
	for _, domain := range all {
		if text, _ := domain.(string); text == address || strings.HasPrefix(text, address+":") {
			those = append(those, domain)
		} else {
			others = append(others, domain)
		}
	}
	return others, those
}

// connected is the server's record of the proxy with this ID. It exists while the proxy has a stream.
func connected(server *xds.FakeDiscoveryServer, id string) (*model.Proxy, error) {
	for _, client := range server.Discovery.Clients() {
		if proxy := client.Proxy(); proxy.ID == id {
			return proxy, nil
		}
	}
	return nil, fmt.Errorf("Istio has no stream of %s", id)
}
