package manifests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// proxies holds the configuration of each proxy of a mesh, by namespace and name of its workload ("shop/cart-v1"). All Pods of a
// workload have the same configuration.
type proxies map[string]tree

// change is a JSON patch of the manifests that the kustomize target selects. `want` has the differences that the patch must cause.
type change struct {
	name, target string
	operations   []string
	want         []pattern
}

// compileMesh runs istio-compile on the changed manifests, and reads and normalizes the configuration of each proxy.
func compileMesh(compile string, resources []string, changes []change) (proxies, error) {
	folder, err := os.MkdirTemp("", "same-mesh-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	arguments := []string{"--mesh-config", filepath.Join(root, mesh), "--out", filepath.Join(folder, "mesh")}
	for _, path := range resources {
		arguments = append(arguments, filepath.Join(root, path))
	}
	if len(changes) > 0 {
		component := filepath.Join(folder, "component")
		if err := writeComponent(component, changes); err != nil {
			return nil, err
		}
		arguments = append(arguments, "--component", component)
	}
	if compiled := run(compile, arguments...); compiled.code != 0 || withoutCronJobs(compiled.stderr) != "" {
		return nil, fmt.Errorf("istio-compile: %s", compiled)
	}
	var workloads struct {
		Workloads []struct{ Namespace, Pod, Owner, IP, Proxy string }
	}
	text, err := os.ReadFile(filepath.Join(folder, "mesh/workloads.json"))
	if err == nil {
		err = json.Unmarshal(text, &workloads)
	}
	if err != nil {
		return nil, err
	}
	found := proxies{}
	for _, one := range workloads.Workloads {
		if one.Proxy == "" {
			continue
		}
		proxy, err := readProxy(filepath.Join(folder, "mesh", one.Namespace, one.Pod), one.IP, one.Proxy == "gateway")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Pod, err)
		}
		name := one.Namespace + "/" + one.Owner
		if replica, ok := found[name]; ok {
			if different := compare(name, "", any(replica), any(proxy)); len(different) > 0 {
				return nil, fmt.Errorf("the Pods of %s have different proxies: %v", name, different)
			}
		}
		found[name] = proxy
	}
	return found, nil
}

// writeComponent writes a kustomize component that applies the changes.
func writeComponent(folder string, changes []change) error {
	text := "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n"
	for _, one := range changes {
		text += "  - target: {" + one.target + "}\n    patch: |\n"
		for _, operation := range one.operations {
			text += "      - " + operation + "\n"
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600)
}

// readProxy reads the folder that istio-compile wrote for a proxy. It applies the first four of these rules, and withThirdParties applies
// the last one. So only differences remain that change how the mesh handles a request.
//
//  1. The address of the Pod itself is POD, because each Pod has another address.
//  2. The filter chains for requests to the workload ("inbound") and for its own calls ("outbound") are identified by port and
//     transport, or by the name of their routes. Their listeners differ, because the local mesh has no iptables: the listeners'
//     addresses, names and listener filters are left out. So are the prefixes of statistics, which contain the addresses.
//  3. Virtual hosts are compared by name, because Envoy selects a virtual host by its domains, and not by its position.
//  4. Istio's metadata are left out. They name the manifests from which Istio made a resource, and Envoy does not use them.
//  5. The stand-in for the third parties gets their names, so that its routes and limits are compared with those of each third party.
//
// The endpoints are not compared, because the number of Pods differs.
func readProxy(folder, address string, gateway bool) (tree, error) {
	proxy := tree{}
	for _, kind := range []string{"routes", "clusters", "listeners", "extensions"} {
		text, err := os.ReadFile(filepath.Join(folder, kind+".json"))
		if err != nil {
			return nil, err
		}
		var file struct{ Resources []any }
		// Rule 1.
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(address)+`\b`).ReplaceAllLiteral(text, []byte("POD"))
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, err
		}
		resources, _ := named(file.Resources)
		proxy[kind] = resources
	}
	// Rule 2.
	proxy["inbound"], proxy["outbound"] = tree{}, tree{}
	listeners := proxy["listeners"].(tree)
	for _, name := range slices.Sorted(maps.Keys(listeners)) {
		listener := listeners[name].(tree)
		chains, _ := listener["filter_chains"].([]any)
		if chain, ok := listener["default_filter_chain"]; ok {
			chains = append(chains, chain)
		}
		for _, chain := range chains {
			chain := chain.(tree)
			direction, name := use(listener, chain, gateway)
			for _, filter := range chain["filters"].([]any) {
				delete(filter.(tree)["typed_config"].(tree), "stat_prefix")
			}
			delete(chain, "name")
			group := proxy[direction].(tree)
			group[unusedKey(group, name)] = chain
		}
	}
	delete(proxy, "listeners")
	for _, routes := range proxy["routes"].(tree) {
		routes := routes.(tree)
		// Rule 3.
		hosts, _ := routes["virtual_hosts"].([]any)
		routes["virtual_hosts"], _ = named(hosts)
	}
	// Rule 4.
	walk(proxy, func(object tree) {
		if metadata, ok := object["metadata"].(tree); ok {
			if kinds, ok := metadata["filter_metadata"].(tree); ok {
				delete(kinds, "istio")
			}
		}
	})
	return proxy, nil
}

// use returns for which requests a filter chain is: "inbound" or "outbound", and a name.
func use(listener, chain tree, gateway bool) (direction, name string) {
	address, _ := listener["address"].(tree)
	socket, _ := address["socket_address"].(tree)
	match, _ := chain["filter_chain_match"].(tree)
	name = fmt.Sprint("port ", socket["port_value"])
	if gateway {
		return "inbound", name
	}
	if port := match["destination_port"]; listener["traffic_direction"] == "INBOUND" && port == 80.0 {
		return "inbound", fmt.Sprintf("port 80 %v", match["transport_protocol"])
	}
	if ownName, ok := chain["name"].(string); ok {
		name += " " + ownName
	}
	if listener["traffic_direction"] == "INBOUND" {
		return "inbound", name
	}
	walk(chain["filters"], func(object tree) {
		if rds, ok := object["rds"].(tree); ok {
			name = "routes " + rds["route_config_name"].(string)
		}
	})
	return "outbound", name
}

// standIn is the host that replaces all third parties on the local mesh.
const standIn = "partners.partners.svc.cluster.local"

// withThirdParties returns a copy of the local proxy. In the copy, the stand-in has the name of each third party that the proxy of the
// cluster calls.
func withThirdParties(cluster, local tree) tree {
	local = decode(asJSON(local)).(tree)
	hosts := func(proxy tree) tree {
		routes, _ := proxy["routes"].(tree)["80"].(tree)
		found, _ := routes["virtual_hosts"].(tree)
		return found
	}
	clusters, routes := local["clusters"].(tree), hosts(local)
	replaced := false
	for name := range hosts(cluster) {
		host, third := strings.CutSuffix(name, ".example.com:80")
		if !third {
			continue
		}
		host += ".example.com"
		renamed := func(value any) any { return decode(strings.ReplaceAll(asJSON(value), standIn, host)) }
		routes[host+":80"] = renamed(routes[standIn+":80"])
		clusters["outbound|80||"+host] = renamed(clusters["outbound|80||"+standIn])
		replaced = true
	}
	if replaced {
		delete(routes, standIn+":80")
		delete(clusters, "outbound|80||"+standIn)
	}
	return local
}

func decode(text string) (value any) {
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(err)
	}
	return value
}

// compareMeshes returns all differences between two meshes.
func compareMeshes(cluster, local proxies) []difference {
	var found []difference
	names := maps.Clone(cluster)
	maps.Copy(names, local)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c, onCluster := cluster[name]
		l, onLocal := local[name]
		switch {
		case !onLocal:
			found = append(found, difference{name, "", "a proxy", "none"})
		case !onCluster:
			found = append(found, difference{name, "", "none", "a proxy"})
		default:
			found = append(found, compare(name, "", c, withThirdParties(c, l))...)
		}
	}
	return found
}
