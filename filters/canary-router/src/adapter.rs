//! The filter's entry points in Envoy. This file reads the values that a decision needs, writes the headers on which the routes
//! match, and reports the version to the caller.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, MapType};
use stoa_filter::envoy::{self, Metric};
use stoa_filter::pairs::Pairs;

use crate::config::Config;
use crate::decision::{Choice, Decision, Reason, Request, decide};

/// Interval at which new choices are added to Envoy's counters. Counting each choice at once would cost a host call in every
/// request.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { plugin: None }));
}}

thread_local! {
    static DICE: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(envoy::seed()));
}

/// A configuration, and the number of choices that were made with it. All requests to which the configuration applies share this
/// value.
struct Plugin {
    config: Config,
    /// The number of choices that were not added to Envoy's counters yet, by service, version and reason.
    uncounted_choices: Vec<Vec<[Cell<u32>; Reason::ALL.len()]>>,
}

struct Root {
    /// `None` if the configuration was rejected. The filter then does not change requests.
    plugin: Option<Rc<Plugin>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let Some(config) = envoy::configuration("canary-router", size, Config::parse) else {
            return false;
        };
        envoy::log_warnings("canary-router", &config.warnings);
        let zeros = |versions: usize| (0..versions).map(|_| Default::default()).collect();
        let services = config.services.iter();
        let uncounted_choices = services
            .map(|service| zeros(service.versions.len()))
            .collect();
        self.plugin = Some(Rc::new(Plugin {
            config,
            uncounted_choices,
        }));
        let _ = hostcalls::set_tick_period(FLUSH_INTERVAL);
        true
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.flush_counts();
        }
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream {
            plugin: self.plugin.clone(),
            decision: Decision::default(),
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream {
    plugin: Option<Rc<Plugin>>,
    decision: Decision,
}

struct Head<'c> {
    config: &'c Config,
    headers: Pairs,
}

impl Request for Head<'_> {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.get(name)
    }

    fn headers(&self, name: &str) -> Vec<Vec<u8>> {
        self.headers.all(name).map(<[u8]>::to_vec).collect()
    }

    fn principal(&self) -> Option<Vec<u8>> {
        envoy::peer_identity()
    }

    fn claim(&self, name: &str) -> Option<Vec<u8>> {
        let token = self.config.token_header.as_ref();
        if token.is_some_and(|header| !self.headers.has(header)) {
            return None;
        }
        const VERIFIED_CLAIMS: [&str; 3] = [
            "metadata",
            "filter_metadata",
            "envoy.filters.http.jwt_authn",
        ];
        let [metadata, filter, jwt] = VERIFIED_CLAIMS;
        envoy::property(&[metadata, filter, jwt, &self.config.jwt_payload_key, name])
            .filter(|value| !value.is_empty())
    }
}

impl Plugin {
    fn record(&self, service: usize, choice: &Choice) {
        let versions = self.uncounted_choices.get(service);
        let reasons = versions.and_then(|versions| versions.get(choice.version));
        if let Some(count) = reasons.and_then(|reasons| reasons.get(choice.reason as usize)) {
            count.set(count.get().saturating_add(1));
        }
    }

    fn flush_counts(&self) {
        for (service, versions) in self.config.services.iter().zip(&self.uncounted_choices) {
            for (version, reasons) in service.versions.iter().zip(versions) {
                for (reason, count) in Reason::ALL.iter().zip(reasons) {
                    let count = count.take();
                    if count == 0 {
                        continue;
                    }
                    let names = [
                        "canary_router",
                        &service.name,
                        &version.name,
                        reason.counter_name(),
                    ];
                    if let Some(counter) = Metric::counter(&names.join(".")) {
                        counter.add(count.into());
                    }
                }
            }
        }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.flush_counts();
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let Some(plugin) = &self.plugin else {
            return Action::Continue;
        };
        let config = &plugin.config;
        let dice = || DICE.with_borrow_mut(|dice| dice.u64(..));
        self.decision = decide(
            config,
            &Head {
                config,
                headers: envoy::request_headers(),
            },
            dice,
        );
        let services = config.services.iter().zip(&self.decision.choices);
        for (index, (service, choice)) in services.enumerate() {
            plugin.record(index, choice);
            let version = service.versions.get(choice.version);
            if let Some(version) = version.filter(|_| !choice.is_set) {
                // Setting the header also makes Envoy select the route again.
                let (map, name) = (MapType::HttpRequestHeaders, &version.name);
                let _ = hostcalls::set_map_value(map, &service.header, Some(name));
            }
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        let Some(plugin) = &self.plugin else {
            return Action::Continue;
        };
        let config = &plugin.config;
        let add_header = |name: &str, value: &str| {
            let _ = hostcalls::add_map_value(MapType::HttpResponseHeaders, name, value);
        };
        if config.reports_version {
            for (service, choice) in config.services.iter().zip(&self.decision.choices) {
                // If the service itself reports a version, the filter does not replace it.
                if let Some(version) = service.versions.get(choice.version)
                    && envoy::response_header(&service.header).is_none()
                {
                    add_header(&service.header, &version.name);
                }
            }
        }
        if let (Some(cookie), Some(session)) = (&config.cookie, self.decision.session) {
            let headers = envoy::response_headers();
            if !headers.all("set-cookie").any(|set| cookie.is_set_by(set)) {
                add_header("set-cookie", &cookie.set_cookie_value(session));
            }
        }
        Action::Continue
    }
}
