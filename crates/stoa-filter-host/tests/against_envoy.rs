//! Runs the same scripts in this host and in a real Envoy. The upstream and the caller must get the same results in both.

use std::sync::{Arc, Mutex};

use serde_json::json;
use stoa_filter_host::{
    CallerResult, Headers, Options, Outcome, Request, Response, Script, Shared, Verdict, Vm,
};
use stoa_testkit::envoy::{self, Call, Envoy, Filter, Route, Setup, Upstream};

use crate::support::{vm, vm_with};

const CONFIGURATION: &str = "every 20";

/// A real Envoy with the probe. Its upstream sends the response that the script defines.
struct Real {
    envoy: Envoy,
    upstream: Upstream,
    response: Arc<Mutex<envoy::Response>>,
}

impl Real {
    fn start(filter: Filter) -> Self {
        Self::with([filter])
    }

    fn with(filters: impl IntoIterator<Item = Filter>) -> Self {
        let response = Arc::new(Mutex::new(envoy::Response::default()));
        let answer = Arc::clone(&response);
        let upstream = Upstream::start(move |_| answer.lock().unwrap().clone());
        let setup = filters.into_iter().fold(Setup::new(), Setup::filter);
        let envoy = setup
            .cluster("shop", upstream.address())
            .raw_cluster(json!({"name": "empty", "load_assignment": {"cluster_name": "empty"}}))
            // Envoy replies to a hanging stream after this timeout.
            .manager(json!({"stream_idle_timeout": "0.6s"}))
            .start();
        Self {
            envoy,
            upstream,
            response,
        }
    }

    fn run(&self, script: &Script) -> Outcome {
        *self.response.lock().unwrap() = to_response(&script.response);
        self.upstream.take_requests();
        let reply = self.envoy.try_send(to_call(&script.request));
        let upstream = self.upstream.take_requests().pop().map(|seen| {
            let mut headers = headers(&seen.headers);
            if let Some(host) = headers.get("host").map(str::to_owned) {
                headers.remove("host");
                headers.add(":authority", host);
            }
            headers.add(":method", seen.method);
            headers.add(":path", seen.path);
            Request {
                headers,
                body: seen.body,
                trailers: self::headers(&seen.trailers),
            }
        });
        let caller = match reply {
            Err(_) => CallerResult::Reset,
            Ok(reply) if reply.text() == "stream timeout" => CallerResult::Nothing,
            Ok(reply) => {
                let mut headers = headers(&reply.headers);
                headers.add(":status", reply.status.to_string());
                CallerResult::Response(Response {
                    headers,
                    body: reply.body,
                    trailers: self::headers(&reply.trailers),
                })
            }
        };
        Outcome { upstream, caller }.comparable()
    }
}

fn headers(list: &[(String, String)]) -> Headers {
    list.iter().map(|(name, value)| (name, value)).collect()
}

fn to_call(request: &Request) -> Call {
    let header = |name| request.headers.get(name).unwrap_or_default();
    let mut call = Call::new(header(":method"), header(":path"));
    for (name, value) in plain(&request.headers) {
        call = call.header(name, &value);
    }
    if !request.body.is_empty() {
        call = call.body(request.body.clone());
    }
    for (name, value) in plain(&request.trailers) {
        call = call.trailer(name, &value);
    }
    call
}

fn to_response(response: &Response) -> envoy::Response {
    let mut answer = envoy::Response::status(response.status());
    for (name, value) in plain(&response.headers) {
        answer = answer.header(name, &value);
    }
    if !response.body.is_empty() {
        answer = answer.body(response.body.clone());
    }
    for (name, value) in plain(&response.trailers) {
        answer = answer.trailer(name, &value);
    }
    answer
}

fn plain(headers: &Headers) -> impl Iterator<Item = (&str, String)> {
    let plain = headers
        .iter()
        .filter(|(name, _)| !name.starts_with(':') && *name != "content-length");
    plain.map(|(name, value)| (name, String::from_utf8(value.to_vec()).unwrap()))
}

fn get(program: &str) -> Script {
    Script::new(Request::get("/path?query=1").header("x-do", program))
}

fn post(program: &str) -> Script {
    let request = Request::post("/path", "the body");
    Script::new(request.header("x-do", program))
}

fn with_trailers(program: &str) -> Script {
    let request = Request::post("/path", "the body").trailer("x-end", "1");
    let response = Response::ok("hello").trailer("x-end", "2");
    Script::new(request.header("x-do", program)).answered(response)
}

/// Returns a phase that writes each of these properties into its own header. A test may use a property only if this host, and not
/// only Envoy, knows its value.
fn property_report(phase: &str, properties: &[&str]) -> String {
    let operations = properties
        .iter()
        .map(|path| format!("in-header property-bytes {path}"));
    format!("{phase} {}", operations.collect::<Vec<_>>().join(", "))
}

const REQUEST_PROPERTIES: &[&str] = &[
    "request method",
    "request protocol",
    "request size",
    "request duration",
    "request headers none",
];
const RESPONSE_PROPERTIES: &[&str] = &[
    "response code",
    "response code_details",
    "response flags",
    "response grpc_status",
    "response size",
    "response headers none",
    "response trailers x-end",
];
/// Properties that only older Envoys have, and one property that does not exist.
const UNKNOWN_PROPERTIES: &[&str] = &[
    "node id",
    "node",
    "listener_direction",
    "listener_metadata",
    "route_name",
    "route_metadata",
    "cluster_name",
    "cluster_metadata",
    "upstream_host_metadata",
    "nothing",
];

/// Returns scripts that read properties, in each phase that can write the values into a header or a trailer.
fn properties() -> Vec<Script> {
    let all = [REQUEST_PROPERTIES, RESPONSE_PROPERTIES].concat();
    // `total_size` of the request and of the response are compared only in the trailers phase. The headers are not available
    // then, so these sizes do not include the headers that Envoy itself adds.
    let totals = ["request total_size", "response total_size"];
    let trailers = [all.as_slice(), &totals].concat();
    let xds = ["xds node id", "xds listener_direction"];
    let denied = |status: u16| Response::new(status).header("x-a", "1");
    vec![
        get(&property_report("request-headers", &all)),
        post(&property_report("request-headers", &all)),
        get(&property_report(
            "request-headers",
            &[UNKNOWN_PROPERTIES, &xds].concat(),
        )),
        get(&property_report(
            "response-headers",
            &[UNKNOWN_PROPERTIES, &xds].concat(),
        )),
        with_trailers(&property_report("request-headers", &all)),
        with_trailers(&property_report("request-trailers", &trailers)),
        post(&property_report("response-headers", &all)),
        with_trailers(&property_report("response-trailers", &trailers)),
        get(&property_report("response-headers", &all)).answered(denied(403)),
        get(&property_report("response-headers", &all))
            .answered(denied(404).header("grpc-status", "5")),
        get(&format!(
            "request-headers reply 403 no; {}",
            property_report("response-headers", &all)
        )),
        post(&format!(
            "request-body reply 413 no; {}",
            property_report("response-headers", &all)
        )),
        get(&format!(
            "request-headers remove :method; {}",
            property_report("response-headers", &all)
        )),
        get(&format!(
            "request-headers remove :path; {}",
            property_report("response-headers", &all)
        )),
        get(
            "request-headers set-property mine 1, in-header property mine, in-header property wasm.mine, \
             in-header property filter_state mine, in-header property filter_state wasm.mine; \
             response-headers in-header property mine, in-header property filter_state wasm.mine",
        ),
    ]
}

fn scripts() -> Vec<Script> {
    vec![
        get("trace"),
        post("trace"),
        with_trailers("trace"),
        // Headers.
        get("request-headers set :path /new, set :method PUT, set host other, remove x-do"),
        get(
            "request-headers add x-a 1, add x-a 2, set X-B 3; response-headers add x-c 1, add x-c 2",
        ),
        get(
            "request-headers add user-agent a, add user-agent b, add content-type a, add content-type b",
        ),
        get(
            "request-headers add accept a, add accept b, add cookie a=1, add cookie b=2, add te a, add te b",
        ),
        get("request-headers add authorization a, add authorization b, add x-request-id a"),
        get("request-headers add x-forwarded-for a, add x-forwarded-for b, add via a, add via b"),
        get(
            "response-headers set :status 299, set content-type text/x, add location a, add location b",
        ),
        get(
            "response-headers add set-cookie a=1, add set-cookie b=2, add cache-control a, add cache-control b",
        ),
        get("response-headers only :status 201"),
        get("response-headers remove :status"),
        // Scripts with a header that has two values: reading the header returns its first value, reading the map returns both
        // values, and setting the header replaces both values.
        with_repeated_header("request-headers in-header get x-two"),
        with_repeated_header("request-headers set x-two c"),
        with_repeated_header("request-headers add x-two c"),
        with_repeated_header("request-headers remove x-two"),
        get("response-headers in-header get x-two, set x-two c").answered(
            Response::ok("hello")
                .header("x-two", "a")
                .header("x-two", "b"),
        ),
        // Scripts in which the filter removes the method or the path of a request.
        get("request-headers remove :method"),
        get("request-headers remove :path"),
        get("request-headers remove :method, remove :path"),
        get("request-headers only :method GET"),
        get("request-headers remove :authority"),
        post("request-headers remove :method"),
        post("request-headers remove :path"),
        with_trailers("request-headers remove :method"),
        get("request-headers remove :method; response-headers set x-seen 1"),
        get("request-headers remove :path; response-headers set x-seen 1"),
        get("request-headers pause; tick remove :method, resume-request"),
        get("request-headers pause; tick remove :path, resume-request"),
        // Scripts in which the filter's HTTP calls fail at once.
        get(
            "request-headers in-header call empty /check 100, pause; tick resume-request; call set x-called 1",
        ),
        get(
            "request-headers in-header call none /check 100, pause; tick resume-request; call set x-called 1",
        ),
        get("").answered(Response::new(204).header("x-a", "1")),
        get("").answered(Response::new(404)),
        // Bodies.
        post("request-headers remove content-length; request-body append >, prepend <"),
        post("request-headers remove content-length; request-body body new"),
        get("response-headers remove content-length; response-body body replaced"),
        post(
            "until-end; request-headers remove content-length; request-body pause; request-end log x",
        ),
        post("until-end; response-body pause"),
        post("request-body pause"),
        post("request-body pause; tick resume-request"),
        get("response-body pause; tick resume-response"),
        // Trailers.
        with_trailers("request-trailers add x-more 1, remove x-end; response-trailers set x-end 3"),
        with_trailers("request-body pause; response-body pause"),
        with_trailers("request-trailers pause; tick resume-request"),
        with_trailers("request-body pause; request-trailers pause; tick resume-request"),
        with_trailers("response-headers pause; tick resume-response"),
        // Scripts that pause a message at its headers.
        get("request-headers pause"),
        get("request-headers pause; tick resume-request"),
        post("request-headers pause; tick set x-late 1, resume-request"),
        post("request-headers pause; tick resume-request; request-body pause"),
        with_trailers("request-headers pause; tick resume-request; request-trailers add x-more 1"),
        get("response-headers pause"),
        get("response-headers pause; tick resume-response; response-headers set x-a 1"),
        // Replies.
        get("request-headers reply 403"),
        get("request-headers reply 403, pause"),
        get(
            "request-headers reply 403 forbidden; response-headers set x-seen 1, remove content-type",
        ),
        get("request-headers reply 403 forbidden; response-headers pause"),
        get(
            "request-headers reply 403 no; response-headers remove content-length; response-body body yes",
        ),
        get("request-headers reply 403, reply 404"),
        post("request-headers reply 403 forbidden"),
        post("request-body reply 413 much"),
        post("request-headers pause; tick reply 504 late; response-headers set x-seen 1"),
        with_trailers("request-trailers reply 400 bad"),
        get("response-headers reply 503 lost"),
        get("response-headers pause; tick reply 504 late"),
        get("response-body reply 500 late"),
        Script::new(Request::new("HEAD", "/").header("x-do", "request-headers reply 418 teapot")),
        Script::new(
            Request::new("POST", "/a.B/C")
                .header("content-type", "application/grpc")
                .header("x-do", "request-headers reply 403 no%entry"),
        ),
        Script::new(
            Request::new("POST", "/a.B/C")
                .header("content-type", "application/grpc")
                .header("x-do", "request-headers reply-grpc unavailable"),
        ),
        get("request-headers reset, pause"),
        // Scripts that use properties and foreign functions.
        get("request-headers foreign clear_route_cache x, set-property mine 1"),
    ]
}

fn with_repeated_header(program: &str) -> Script {
    let request = Request::get("/path")
        .header("x-two", "a")
        .header("x-two", "b");
    Script::new(request.header("x-do", program))
}

/// Options with the same clusters and fixed properties as the real Envoy that these tests start.
fn options() -> Options {
    Options::new()
        .property("xds.node.id", "test")
        .property("xds.listener_direction", 0_i64)
        .clusters(["shop"])
        .empty_clusters(["empty"])
}

#[test]
fn every_script_has_the_same_outcome_in_a_real_envoy() {
    let scripts = scripts().into_iter().chain(properties());
    compare(Filter::built("probe", CONFIGURATION), options(), scripts);
}

#[test]
fn a_pause_of_the_headers_alone_has_the_same_outcome_in_a_real_envoy() {
    let pause = "request-headers pause";
    let at_the_body = |program: &str| {
        let program = format!("until-end; {pause}; request-body pause; {program}");
        [post(&program), with_trailers(&program)]
    };
    let scripts = [
        // In these scripts, the headers are still paused when the filter has read the whole body.
        at_the_body("request-end log x"),
        at_the_body("response-headers set x-seen 1"),
        [
            post("request-headers pause; request-body reply 402 declined"),
            with_trailers("request-headers pause; request-trailers reply 402 declined"),
        ],
        [
            post("request-headers pause; request-body set :path /late, set x-late 1"),
            get("request-headers pause; tick set x-late 1, resume-request"),
        ],
        [
            post("request-headers pause; request-body pause; tick set x-late 1, resume-request"),
            post("request-headers pause"),
        ],
        [
            get("request-headers pause"),
            with_trailers("request-headers pause; request-trailers set x-end 3"),
        ],
        [
            get("response-headers pause; response-body set x-seen 1"),
            get("response-headers pause; response-body pause; tick resume-response"),
        ],
        [
            get("request-headers reply 403 no, pause"),
            with_trailers("response-headers pause; response-trailers set x-end 3"),
        ],
    ];
    let filter = Filter::built("probe", CONFIGURATION).allow_on_headers_stop_iteration();
    let options = options().allow_on_headers_stop_iteration();
    compare(filter, options, scripts.into_iter().flatten());
}

/// Runs every script in this host and in a real Envoy, and compares the outcomes.
#[track_caller]
fn compare(filter: Filter, options: Options, scripts: impl IntoIterator<Item = Script>) {
    let real = Real::start(filter);
    let mut differences = Vec::new();
    for script in scripts {
        let vm = vm_with(options.clone().tolerate_misuse(), CONFIGURATION);
        let in_host = script.run(&vm).comparable();
        let in_envoy = real.run(&script);
        if in_host != in_envoy {
            let program = script.request.headers.get("x-do").unwrap_or_default();
            differences.push(format!(
                "{program}\n  host  {in_host:?}\n  Envoy {in_envoy:?}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_crash_has_the_same_outcome_in_a_real_envoy() {
    let scripts = [
        get("request-headers panic"),
        get(""),
        post("request-body panic"),
        get("response-headers panic"),
        get("request-headers add x-a 1, panic"),
        get("request-headers get none, body x"),
    ];
    for on_failure in [envoy::OnFailure::Close, envoy::OnFailure::Open] {
        for script in &scripts {
            let filter = Filter::built("probe", CONFIGURATION).on_failure(on_failure);
            let real = Real::start(filter);
            let mut options = Options::new();
            if on_failure == envoy::OnFailure::Open {
                options = options.fail_open();
            }
            let vm = vm_with(options, CONFIGURATION);
            for script in [script, &get("request-headers add x-b 1")] {
                assert_eq!(
                    script.run(&vm).comparable(),
                    real.run(script),
                    "{on_failure:?}"
                );
            }
        }
    }
}

#[test]
fn counts_and_logs_of_a_configuration_are_kept_as_in_a_real_envoy() {
    let first = "configure count hits 1, gauge busy 1, log configured";
    let second = "configure count hits 10, gauge busy -1, log configured";
    let refused = "configure count hits 100, log configured, refuse";
    let real = Real::start(Filter::built("probe", first));
    let vm = vm(first);
    let compare = || {
        let in_envoy = |name: &str| real.envoy.stat(&format!("wasmcustom.{name}"));
        let in_host = [vm.counter("hits"), vm.gauge("busy")];
        assert_eq!(["hits", "busy"].map(in_envoy), in_host.map(Some));
        let logs = vm.logs();
        let lines = logs.iter().filter(|log| log.message == "configured");
        let lines = lines.count();
        let log = real.envoy.log();
        let logged = log.lines().filter(|line| line.ends_with(": configured"));
        assert_eq!(logged.count(), lines, "{log}");
        in_host
    };
    assert_eq!(
        compare(),
        [3, 3],
        "`hits` and `busy` count each run of on_configure: in the canary VM, the main thread's VM and one worker's VM"
    );
    for configuration in [second, first] {
        real.envoy.push_config("probe", configuration).unwrap();
        vm.configure(configuration).unwrap();
        compare();
    }
    // The canary VM tries each configuration only once. So it does not try the rejected configuration again.
    for configuration in [refused, second, refused] {
        let in_envoy = real.envoy.push_config("probe", configuration);
        let in_host = vm.configure(configuration);
        assert_eq!(in_envoy.is_ok(), in_host.is_ok(), "{in_host:?}");
        compare();
    }
}

/// A real Envoy and this host, each with two filters that run the probe. A request passes through the filter `first` before the
/// filter `second`.
fn two_filters(on_failure: envoy::OnFailure, [first, second]: [&str; 2]) -> (Real, [Vm; 2]) {
    let filter = |name, program| {
        let filter = Filter::wasm(name, stoa_testkit::filter("probe"), program);
        filter.on_failure(on_failure)
    };
    let real = Real::with([filter("first", first), filter("second", second)]);
    let shared = Shared::new();
    let options = match on_failure {
        envoy::OnFailure::Open => Options::new().fail_open(),
        _ => Options::new(),
    };
    let vms = [first, second].map(|program| vm_with(options.clone().shared(&shared), program));
    (real, vms)
}

/// Sends a request through both filters. Returns the request that the upstream receives, or the local reply.
fn send_through(vms: &[Vm; 2]) -> Outcome {
    let mut request = Request::get("/path?query=1");
    for vm in vms {
        match vm.stream().send(request) {
            Verdict::Forwarded(seen) => request = seen,
            Verdict::Replied(reply) => {
                let caller = CallerResult::Response(reply.response);
                return Outcome {
                    upstream: None,
                    caller,
                }
                .comparable();
            }
            other => panic!("{other:?}"),
        }
    }
    let caller = CallerResult::Response(Response::ok("hello"));
    let upstream = Some(request);
    Outcome { upstream, caller }.comparable()
}

#[test]
fn two_plugins_of_one_module_share_a_vm_as_in_a_real_envoy() {
    let request = Script::new(Request::get("/path?query=1"));
    let count = "request-headers in-header static";
    let (real, vms) = two_filters(envoy::OnFailure::Close, [count, count]);
    for numbers in [["static=1", "static=2"], ["static=3", "static=4"]] {
        let in_host = send_through(&vms);
        assert_eq!(in_host, real.run(&request));
        let seen = in_host.upstream.unwrap().headers;
        assert!(seen.all("x-output").eq(numbers.map(str::as_bytes)));
    }
}

#[test]
fn a_crash_of_one_plugin_ends_the_other_plugin_in_its_vm_as_in_a_real_envoy() {
    let request = Script::new(Request::get("/path?query=1"));
    let programs = ["request-headers set x-first 1", "request-headers panic"];
    for on_failure in [envoy::OnFailure::Close, envoy::OnFailure::Open] {
        let (real, vms) = two_filters(on_failure, programs);
        for _ in 0..2 {
            assert_eq!(send_through(&vms), real.run(&request), "{on_failure:?}");
        }
        assert!(vms.iter().all(|vm| vm.trap().is_some()));
    }
}

#[test]
fn a_changed_header_makes_envoy_select_another_route() {
    let program = "request-headers set x-route new";
    let [old, new] = ["old", "new"].map(Upstream::named);
    let envoy = Setup::new()
        .filter(Filter::built("probe", CONFIGURATION))
        .cluster("old", old.address())
        .cluster("new", new.address())
        .route(Route::prefix("/").header("x-route", "new").to("new"))
        .route(Route::prefix("/").to("old"))
        .start();
    assert_eq!(envoy.send(Call::get("/")).text(), "old");
    assert_eq!(
        envoy.send(Call::get("/").header("x-do", program)).text(),
        "new"
    );
    let vm = vm(CONFIGURATION);
    let mut stream = vm.stream();
    stream
        .send(Request::get("/").header("x-do", program))
        .forwarded();
    assert!(stream.route_cache_clears() > 0);
}
