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

// sortedServices lists Istio's services in an order that depends only on the manifests. Istio itself sorts services by age, host
// and namespace. Istio makes one service from each address of a ServiceEntry, and these services have the same age, host and
// namespace. So without sortedServices, their order would depend on the iteration of a map, which is random.
type sortedServices struct{ model.ServiceDiscovery }

func (o sortedServices) Services() []*model.Service {
	return slices.SortedStableFunc(slices.Values(o.ServiceDiscovery.Services()), compareServices)
}

func (o sortedServices) GetProxyServiceTargets(proxy *model.Proxy) []model.ServiceTarget {
	return slices.SortedStableFunc(slices.Values(o.ServiceDiscovery.GetProxyServiceTargets(proxy)), func(a, b model.ServiceTarget) int {
		return cmp.Or(compareServices(a.Service, b.Service), cmp.Compare(a.Port.Port, b.Port.Port), cmp.Compare(a.Port.TargetPort, b.Port.TargetPort))
	})
}

func compareServices(a, b *model.Service) int {
	return cmp.Or(
		cmp.Compare(a.Hostname, b.Hostname),
		cmp.Compare(a.Attributes.Namespace, b.Attributes.Namespace),
		// The names of the ServiceEntries are compared too, because several ServiceEntries may have the same host.
		cmp.Compare(a.Attributes.K8sAttributes.ObjectName, b.Attributes.K8sAttributes.ObjectName),
		cmp.Compare(a.DefaultAddress, b.DefaultAddress),
	)
}

// sortServices makes the server use sortedServices, and waits until the server has applied the change.
func sortServices(server *xds.FakeDiscoveryServer) error {
	server.Env().ServiceDiscovery = sortedServices{server.Env().ServiceDiscovery}
	server.Discovery.ConfigUpdate(&model.PushRequest{Forced: true, Reason: model.NewReasonStats(model.ConfigUpdate)})
	updates := server.Discovery.InboundUpdates.Load()
	for deadline := time.Now().Add(answerDeadline); server.Discovery.CommittedUpdates.Load() < updates; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("Istio did not apply the sorted services within %s", answerDeadline)
		}
	}
	return nil
}

// assignSharedAddresses changes each route configuration of a proxy. If several hosts share an address, the address becomes a
// domain of the virtual host whose name sorts first. Istio itself chooses the first host in the iteration of a map, which is
// random.
func assignSharedAddresses(routes []map[string]any, proxy *model.Proxy) {
	proxy.RLock()
	defer proxy.RUnlock()
	for _, configuration := range routes {
		addresses := addressesOf(proxy, nameOf(configuration))
		first := map[string]map[string]any{}
		// Istio has already sorted the virtual hosts by name. So the first host in this loop that has an address gets the address.
		hosts, _ := configuration["virtual_hosts"].([]any)
		for _, each := range hosts {
			host, _ := each.(map[string]any)
			address := addresses[nameOf(host)]
			switch {
			case address == "" || address == constants.UnspecifiedIP:
			case first[address] == nil:
				first[address] = host
			default:
				others, shared := splitDomains(host["domains"], address)
				kept, _ := first[address]["domains"].([]any)
				host["domains"], first[address]["domains"] = others, append(kept, shared...)
			}
		}
	}
}

// addressesOf returns, for each virtual host of a route configuration, the address that Istio uses as a domain. The keys are the
// names of the virtual hosts. If a host has several services, the result contains the address of the last service.
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

// splitDomains splits a list of domains in two. The result `matching` contains the domains that consist of the address, alone or
// with a port. The result `others` contains all other domains.
func splitDomains(domains any, address string) (others, matching []any) {
	all, _ := domains.([]any)
	for _, domain := range all {
		if text, _ := domain.(string); text == address || strings.HasPrefix(text, address+":") {
			matching = append(matching, domain)
		} else {
			others = append(others, domain)
		}
	}
	return others, matching
}

// connectedProxy returns the server's record of the proxy that has this ID. The record exists while the proxy's stream is open.
func connectedProxy(server *xds.FakeDiscoveryServer, id string) (*model.Proxy, error) {
	for _, client := range server.Discovery.Clients() {
		if proxy := client.Proxy(); proxy.ID == id {
			return proxy, nil
		}
	}
	return nil, fmt.Errorf("the discovery server has no open stream of the proxy %s", id)
}
