package manifests

import "slices"

// intended is a difference that the two meshes are meant to have. docs/deploy.md has a table of these differences.
type intended struct {
	onCluster, onLocal, why string
	patterns                []pattern
}

// withoutIntended returns the differences that no row of the table allows, and the patterns that match no difference.
func withoutIntended(found []difference, table []intended) (unlisted []difference, unused []pattern) {
	used := map[pattern]bool{}
	for _, d := range found {
		listed := false
		for _, row := range table {
			for _, one := range row.patterns {
				if one.matches(d) {
					listed, used[one] = true, true
				}
			}
		}
		if !listed {
			unlisted = append(unlisted, d)
		}
	}
	for _, row := range table {
		for _, one := range row.patterns {
			if !used[one] {
				unused = append(unused, one)
			}
		}
	}
	return unlisted, unused
}

// intendedDifferences are all differences between the mesh of k8s/overlays/aks-prod and the local mesh.
var intendedDifferences = []intended{
	{
		"iptables redirects all connections of a Pod to its sidecar. Inbound connections to other ports than 80 need mutual TLS, too. The sidecar blocks calls to port 80 that are not HTTP, and connections to unknown addresses.",
		"A sidecar receives only the requests to port 80 of its workload, and the HTTP calls of its workload.",
		"All workloads share the network of the machine, so iptables cannot redirect their connections.",
		[]pattern{
			{"shop/*", `inbound["port 15006 virtualInbound"]`, `*"require_client_certificate":true*`, "none"},
			{"shop/*", `inbound["port 15006 virtualInbound-catchall-http"]`, `*"require_client_certificate":true*`, "none"},
			{"shop/*", `inbound["port 15006 virtualInbound-blackhole"]`, `*"cluster":"BlackHoleCluster"*`, "none"},
			{"shop/*", `outbound["port 15001 virtualOutbound-blackhole"]`, `*"cluster":"BlackHoleCluster"*`, "none"},
			{"shop/*", `outbound["port 15001 virtualOutbound-catchall-tcp"]`, `*"cluster":"BlackHoleCluster"*`, "none"},
			{"shop/*", `outbound["port 80 PassthroughFilterChain"]`, `*"cluster":"BlackHoleCluster"*`, "none"},
			{"shop/*", `outbound["routes 80"].filter_chain_match`, `{"application_protocols":["http/1.1","h2c"],"transport_protocol":"raw_buffer"}`, "none"},
		},
	},
	{
		"The gateway redirects HTTP to HTTPS.",
		"The gateway also serves HTTP.",
		"`partners` sends the carrier's reports over HTTP, and does not follow redirects.",
		[]pattern{
			{"istio-system/istio-ingressgateway", `routes["http.8080"].virtual_hosts["*:80"].require_tls`, `"ALL"`, "none"},
			{"istio-system/istio-ingressgateway", `routes["http.8080"].virtual_hosts["shop/*:80"]`, `*"require_tls":"ALL"*`, "none"},
		},
	},
	{
		"Each third party is a host outside the mesh. The sidecars resolve its name by DNS, originate TLS, and verify the name in its certificate.",
		"`partners` replaces all third parties. It is a Service, and receives plaintext.",
		"A test or a demonstration must not call a real third party.",
		slices.Concat(
			thirdPartyPatterns("product-v1", "pim"), thirdPartyPatterns("product-v2", "pim"), thirdPartyPatterns("payment-v1", "processor"),
			thirdPartyPatterns("shipping-v1", "carrier"), thirdPartyPatterns("notification-v1", "courier"), thirdPartyPatterns("notification-v1", "sms"),
			[]pattern{{"istio-system/istio-ingressgateway", `clusters["outbound|80||` + standIn + `"]`, "none", "*"}},
		),
	},
	{
		"A request to the PIM has a timeout of 3 s and two retries.",
		"A request to the PIM has a timeout of 6 s, and is not retried.",
		"All third parties share the route of `partners`, and some of them move money.",
		[]pattern{
			{"shop/product-v*", `routes["80"].virtual_hosts["pim.example.com:80"].routes["read"]`, `*"num_retries":2,"per_try_timeout":"1s"*"timeout":"3s"}}`, "none"},
			{"shop/product-v*", `routes["80"].virtual_hosts["pim.example.com:80"].routes["all"]`, "none", `*"route":{"cluster":"*","max_grpc_timeout":"6s","timeout":"6s"}}`},
		},
	},
	{
		"The sidecars forward the connections to PostgreSQL.",
		"The services connect directly to the database, which is SQLite by default.",
		"Without iptables, a sidecar receives only HTTP calls.",
		[]pattern{
			{"shop/*-v*", `clusters["outbound|5432||stoa-prod-00.postgres.database.azure.com"]`, "*", "none"},
			{"shop/*-v*", `outbound["port 5432"]`, `*"cluster":"outbound|5432||stoa-prod-00.postgres.database.azure.com"*`, "none"},
		},
	},
	{
		"10 % of the requests that enter at the gateway are traced. The proxies send traces to the collector.",
		"There are no traces.",
		"The machine does not have a collector.",
		[]pattern{
			{"*", `*.tracing.provider`, `*"authority":"otel-collector.observability.svc.cluster.local"*`, "none"},
			{"*", `*.tracing.random_sampling.value`, "10", "1"},
			{"istio-system/istio-ingressgateway", `*.tracing.spawn_upstream_span`, "true", "none"},
			{"*", `clusters["outbound|4317||otel-collector.observability.svc.cluster.local"]`, "*", "none"},
			{"shop/*", `routes["4317"]`, `*"cluster":"outbound|4317||otel-collector.observability.svc.cluster.local"*`, "none"},
			{"shop/*", `outbound["routes 4317"]`, "*", "none"},
			{"shop/*", `outbound["port 4317 PassthroughFilterChain"]`, `*"cluster":"BlackHoleCluster"*`, "none"},
		},
	},
}

// thirdPartyPatterns returns the differences between a third party, as a workload sees it, and the stand-in. They do not include the
// routes, the connection limits, the ejection of endpoints and the load balancing.
func thirdPartyPatterns(workload, name string) []pattern {
	host := name + ".example.com"
	found := []pattern{
		{"", `routes["80"].virtual_hosts["` + host + `:80"].domains`, `["` + host + `","` + host + `."]`, `["` + host + `","` + host + `.","partners.partners",*]`},
		{"", ".type", `"STRICT_DNS"`, `"EDS"`},
		{"", ".eds_cluster_config", "none", "*"},
		{"", ".load_assignment", `*"address":"` + host + `","port_value":443*`, "none"},
		{"", ".transport_socket", `*"match_subject_alt_names":[{"exact":"` + host + `"}]*"file-root:system"*"sni":"` + host + `"*`, "none"},
	}
	for _, field := range []string{"dns_jitter", "dns_lookup_family", "dns_refresh_rate", "respect_dns_ttl", "typed_dns_resolver_config"} {
		found = append(found, pattern{"", "." + field, "*", "none"})
	}
	for i := range found {
		found[i].proxy = "shop/" + workload
		if found[i].path[0] == '.' {
			found[i].path = `clusters["outbound|80||` + host + `"]` + found[i].path
		}
	}
	return found
}
