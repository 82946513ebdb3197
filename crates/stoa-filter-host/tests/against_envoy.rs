//! The same scripts in this host and in a real Envoy: what the upstream and the caller see must be the same.

use std::sync::{Arc, Mutex};

use serde_json::json;
use stoa_filter_host::{Headers, Options, Outcome, Request, Response, Script, Seen};
use stoa_testkit::envoy::{self, Call, Envoy, Filter, Route, Setup, Upstream};

use crate::support::{vm, vm_with};

const CONFIGURATION: &str = "every 20";

/// An Envoy with the probe, and behind it an upstream that answers as the script says.
struct Real {
    envoy: Envoy,
    upstream: Upstream,
    response: Arc<Mutex<envoy::Response>>,
}

impl Real {
    fn start(on_failure: envoy::OnFailure) -> Self {
        let response = Arc::new(Mutex::new(envoy::Response::default()));
        let answer = Arc::clone(&response);
        let upstream = Upstream::start(move |_| answer.lock().unwrap().clone());
        let filter = Filter::built("probe", CONFIGURATION).on_failure(on_failure);
        let envoy = Setup::new()
            .filter(filter)
            .cluster("shop", upstream.address())
            // What hangs is answered after this.
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
        self.upstream.take();
        let reply = self.envoy.try_send(to_call(&script.request));
        let upstream = self.upstream.take().pop().map(|seen| {
            let mut headers = headers(&seen.headers);
            let host = headers.get("host").unwrap_or_default().to_owned();
            headers.remove("host");
            headers.add(":authority", host);
            headers.add(":method", seen.method);
            headers.add(":path", seen.path);
            Request {
                headers,
                body: seen.body,
                trailers: self::headers(&seen.trailers),
            }
        });
        let caller = match reply {
            Err(_) => Seen::Reset,
            Ok(reply) if reply.text() == "stream timeout" => Seen::Nothing,
            Ok(reply) => {
                let mut headers = headers(&reply.headers);
                headers.add(":status", reply.status.to_string());
                Seen::Response(Response {
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
        // Pausing at the headers.
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
        // Properties and foreign functions that say by a header what they found.
        get("request-headers foreign clear_route_cache x, set-property mine 1"),
    ]
}

#[test]
fn every_script_ends_here_as_it_does_in_a_real_envoy() {
    let real = Real::start(envoy::OnFailure::Close);
    let mut differences = Vec::new();
    for script in scripts() {
        let vm = vm_with(Options::new().tolerate_misuse(), CONFIGURATION);
        let here = script.run(&vm).comparable();
        let there = real.run(&script);
        if here != there {
            let program = script.request.headers.get("x-do").unwrap_or_default();
            differences.push(format!("{program}\n  here  {here:?}\n  there {there:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_crash_ends_here_as_it_does_in_a_real_envoy() {
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
            let real = Real::start(on_failure);
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
fn a_changed_header_chooses_another_route_here_and_in_a_real_envoy() {
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
