//! Rotates the keys that sign tokens, as the runbook in `docs/reliability.md` describes, while clients log in and read their carts.
//!
//! Two instances of the user service share a PostgreSQL database, because only one program at a time may use a SQLite database. The
//! instances are behind a real Envoy. This Envoy verifies tokens with the configuration that Istio compiled for the gateway. The
//! cart service is behind the same Envoy, and verifies each token again. It reads the public keys through this Envoy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_service::token::key_id;
use stoa_testkit::envoy::{Envoy, Filter, Route, Setup};
use stoa_testkit::{Answer, Client, Request, Shop, ShopOptions, wait_until, workspace};
use tempfile::TempDir;
use uuid::Uuid;

use crate::customer::{PASSWORD, text};

/// Seeds of the key before the rotation and of the key after it.
const OLD_KEY: u8 = 1;
const NEW_KEY: u8 = 2;
/// Replacement for the gateway's `cache_duration`, so that the test waits seconds and not minutes.
const SHORT_CACHE_DURATION: &str = "2s";
/// Time for which a client uses a token. It stands for the lifetime of tokens, which is at least a minute.
const TOKEN_USE_TIME: Duration = Duration::from_secs(5);
/// Deadline for a step of the rotation. The longest step waits until the cart service may fetch the keys again (10 s).
const STEP_DEADLINE: Duration = Duration::from_secs(90);
const CLIENTS: usize = 2;
const CART: &str = "cart";

/// Envoy in the place of the gateway. Its endpoints change while it runs.
struct Gateway {
    envoy: Envoy,
    client: Client,
    /// The folder with one file for the endpoints of each cluster.
    folder: TempDir,
    /// The name of the cluster of the user service. In Istio's configuration, the filter `jwt_authn` fetches the keys from it.
    user: String,
}

/// The user service with two instances, the cart service, and the gateway in front of both.
struct Site {
    gateway: Gateway,
    users: Vec<Shop>,
    _cart: Shop,
    /// The options of every instance of the user service, except for its keys.
    options: ShopOptions,
}

/// The load. Each client logs in, and reads its cart with all tokens that it received within [`TOKEN_USE_TIME`].
struct Load {
    gateway: Client,
    stop: AtomicBool,
    /// The step of the rotation that is in progress.
    step: AtomicUsize,
    failures: Mutex<Vec<String>>,
    /// Number of successful reads of a cart, by step and by the id of the key that signed the token.
    reads: Mutex<BTreeMap<(usize, String), usize>>,
    /// Number of successful log-ins.
    logins: AtomicUsize,
    /// For each client, the number of rounds and the ids of the keys of its tokens after the last round.
    rounds: Mutex<[(usize, Vec<String>); CLIENTS]>,
}

/// The filter `jwt_authn` of the gateway, as Istio compiled it.
fn compiled_filter() -> Value {
    let path = "istio/compiled/istio-system/istio-ingressgateway-0/listeners.json";
    let text = std::fs::read_to_string(workspace().join(path)).unwrap();
    let listeners: Value = serde_json::from_str(&text).unwrap();
    let manager = &listeners["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let filters = manager["http_filters"].as_array().unwrap().iter();
    let named = |filter: &&Value| filter["name"] == "envoy.filters.http.jwt_authn";
    filters.clone().find(named).unwrap()["typed_config"].clone()
}

/// A cluster that reads its endpoints from `file`, whenever a file is renamed to it.
fn cluster(name: &str, file: &Path) -> Value {
    let folder = file.parent().unwrap();
    json!({
        "name": name,
        "type": "EDS",
        "connect_timeout": "10s",
        "eds_cluster_config": {
            "eds_config": {
                "resource_api_version": "V3",
                "path_config_source": {"path": file, "watched_directory": {"path": folder}},
            },
        },
    })
}

impl Gateway {
    /// Starts Envoy. `cache_duration` replaces the duration in Istio's configuration.
    fn start(cache_duration: Option<&str>, users: &[Shop]) -> Self {
        let mut filter = compiled_filter();
        let jwks = &mut filter["providers"]["origins-0"]["remote_jwks"];
        assert_eq!(
            jwks["cache_duration"], "300s",
            "docs/reliability.md states this value"
        );
        if let Some(duration) = cache_duration {
            jwks["cache_duration"] = json!(duration);
        }
        let user = text(&jwks["http_uri"], "cluster");
        let folder = tempfile::tempdir().unwrap();
        let files = [
            (&*user, "user", endpoints_of(users)),
            (CART, CART, Vec::new()),
        ];
        for (cluster, name, endpoints) in &files {
            write_endpoints(&endpoints_file(folder.path(), name), cluster, endpoints);
        }
        // On a busy machine, a log-in takes longer than Envoy's default timeout.
        let route = |prefix: &str, cluster: &str| {
            Route::prefix(prefix).then(json!({"route": {"cluster": cluster, "timeout": "60s"}}))
        };
        let setup = files.iter().fold(Setup::new(), |setup, (name, file, _)| {
            setup.raw_cluster(cluster(name, &endpoints_file(folder.path(), file)))
        });
        let envoy = setup
            .filter(Filter::native("envoy.filters.http.jwt_authn", filter))
            .route(route("/user", &user))
            .route(route("/cart", CART))
            .start();
        let client = Client::new(format!("http://{}", envoy.address()));
        Self {
            envoy,
            client,
            folder,
            user,
        }
    }

    /// Replaces the endpoints of a cluster, and waits until Envoy uses the new endpoints.
    fn set_endpoints(&self, cluster: &str, file: &str, endpoints: &[SocketAddr]) {
        write_endpoints(
            &endpoints_file(self.folder.path(), file),
            cluster,
            endpoints,
        );
        let mut expected: Vec<_> = endpoints.iter().map(|e| u64::from(e.port())).collect();
        expected.sort_unstable();
        wait_until(STEP_DEADLINE, "Envoy to apply new endpoints", || {
            let clusters = self.envoy.admin("/clusters?format=json").json;
            let clusters = clusters["cluster_statuses"].as_array().unwrap().iter();
            let hosts = clusters.filter(|status| status["name"] == cluster);
            let hosts = hosts.filter_map(|status| status["host_statuses"].as_array());
            let ports = hosts.flatten().filter_map(|host| {
                let port = host.pointer("/address/socket_address/port_value")?;
                port.as_u64()
            });
            let mut ports: Vec<_> = ports.collect();
            ports.sort_unstable();
            ports == expected
        });
    }

    /// Number of times that Envoy has fetched the keys.
    fn fetches(&self) -> u64 {
        self.envoy
            .stat("http.test.jwt_authn.jwks_fetch_success")
            .unwrap()
    }

    fn log_in(&self, email: &str) -> String {
        let answer = log_in(&self.client, email).send().expect(200);
        text(&answer.json, "access_token")
    }

    fn read_cart(&self, token: &str) -> Answer {
        self.client.get("/cart").bearer(token).send()
    }
}

/// A log-in of this account.
fn log_in(gateway: &Client, email: &str) -> Request {
    let body = json!({"email": email, "password": PASSWORD});
    gateway.post("/user/login").json(&body)
}

/// The path of a cluster's endpoints. Each file has its own folder, because Envoy reads a file again after any rename in its folder.
fn endpoints_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join("endpoints.json")
}

fn write_endpoints(file: &Path, cluster: &str, endpoints: &[SocketAddr]) {
    let endpoints = endpoints.iter().map(|endpoint| {
        let address = json!({"address": endpoint.ip(), "port_value": endpoint.port()});
        json!({"endpoint": {"address": {"socket_address": address}}})
    });
    let endpoints: Vec<_> = endpoints.collect();
    let assignment = json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster,
        "endpoints": [{"lb_endpoints": endpoints}],
    }]});
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let new = file.with_extension("new");
    std::fs::write(&new, assignment.to_string()).unwrap();
    std::fs::rename(&new, file).unwrap();
}

fn endpoints_of(shops: &[Shop]) -> Vec<SocketAddr> {
    let address = |shop: &Shop| shop.gateway().base().strip_prefix("http://")?.parse().ok();
    shops.iter().map(|shop| address(shop).unwrap()).collect()
}

impl Site {
    fn start(cache_duration: Option<&str>) -> Self {
        let options = ShopOptions::only(&["user"]).postgres();
        let users = vec![user(&options, &[OLD_KEY]), user(&options, &[OLD_KEY])];
        let gateway = Gateway::start(cache_duration, &users);
        let cart = ShopOptions::only(&[CART]).variable("user_url", gateway.client.base());
        let cart = Shop::start(cart);
        gateway.set_endpoints(CART, CART, &endpoints_of(std::slice::from_ref(&cart)));
        Self {
            gateway,
            users,
            _cart: cart,
            options,
        }
    }

    /// Replaces all instances of the user service, one after the other, as a rolling restart does. A new instance gets requests
    /// before an old instance is stopped, and an old instance gets no new requests when it is stopped.
    fn replace_users(&mut self, keys: &[u8]) {
        for _ in 0..self.users.len() {
            self.users.push(user(&self.options, keys));
            self.apply_endpoints();
            let mut old = self.users.remove(0);
            self.apply_endpoints();
            old.stop();
        }
    }

    fn apply_endpoints(&self) {
        let endpoints = endpoints_of(&self.users);
        self.gateway
            .set_endpoints(&self.gateway.user, "user", &endpoints);
    }

    /// The ids of the published keys, in order. All instances must publish the same keys.
    fn key_ids(&self) -> Vec<String> {
        let sets = self.users.iter().map(|user| {
            let set = user.gateway().get("/user/jwks").send().expect(200).json;
            let keys = set["keys"].as_array().unwrap().iter();
            keys.map(|key| text(key, "kid")).collect::<Vec<_>>()
        });
        let mut sets: Vec<_> = sets.collect();
        sets.dedup();
        assert_eq!(sets.len(), 1, "{sets:?}");
        sets.remove(0)
    }

    fn register(&self, name: &str) -> String {
        let email = format!("{name}-{}@example.com", Uuid::now_v7().simple());
        let account = json!({"email": email, "password": PASSWORD, "name": name});
        let request = self.gateway.client.post("/user/register").json(&account);
        let _ = request.send().expect(201);
        email
    }
}

/// Starts an instance of the user service with the keys of these seeds.
fn user(options: &ShopOptions, keys: &[u8]) -> Shop {
    let pem = keys.iter().map(|seed| Issuer::new("", *seed).pem());
    Shop::start(
        options
            .clone()
            .variable("jwt_private_key", pem.collect::<String>()),
    )
}

impl Load {
    fn new(gateway: &Client) -> Self {
        Self {
            gateway: gateway.clone(),
            stop: AtomicBool::new(false),
            step: AtomicUsize::new(0),
            failures: Mutex::default(),
            reads: Mutex::default(),
            logins: AtomicUsize::new(0),
            rounds: Mutex::default(),
        }
    }

    /// Runs one client until the load is stopped.
    fn run(&self, client: usize, email: &str) {
        let mut tokens: Vec<(Instant, String)> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let sent = log_in(&self.gateway, email).try_send();
            if let Some(answer) = self.succeeded("log-in", sent) {
                self.logins.fetch_add(1, Ordering::Relaxed);
                tokens.push((Instant::now(), text(&answer.json, "access_token")));
            }
            tokens.retain(|(received, _)| received.elapsed() < TOKEN_USE_TIME);
            for (_, token) in &tokens {
                let step = self.step.load(Ordering::Relaxed);
                let request = self.gateway.get("/cart").bearer(token);
                if self
                    .succeeded("read of a cart", request.try_send())
                    .is_some()
                {
                    let mut reads = self.reads.lock().unwrap();
                    *reads.entry((step, key_id(token).unwrap())).or_default() += 1;
                }
            }
            let ids = tokens.iter().map(|(_, token)| key_id(token).unwrap());
            let mut rounds = self.rounds.lock().unwrap();
            rounds[client] = (rounds[client].0 + 1, ids.collect());
        }
    }

    /// Records everything but a response with 200 as a failure.
    fn succeeded<E: std::fmt::Display>(
        &self,
        what: &str,
        sent: Result<Answer, E>,
    ) -> Option<Answer> {
        let failure = match sent {
            Ok(answer) if answer.status == 200 => return Some(answer),
            Ok(answer) => format!("{}: {}", answer.status, answer.text()),
            Err(error) => error.to_string(),
        };
        let step = self.step.load(Ordering::Relaxed);
        let failure = format!("{what} in step {step}: {failure}");
        self.failures.lock().unwrap().push(failure);
        None
    }

    /// Waits until each client has completed a round that began after this call, and has no token of the key `kid` any more.
    fn wait_for_rounds_without(&self, kid: &str) {
        let before = self.rounds.lock().unwrap().clone();
        wait_until(
            STEP_DEADLINE,
            "clients without a token of the old key",
            || {
                let rounds = self.rounds.lock().unwrap();
                let mut pairs = rounds.iter().zip(&before);
                pairs.all(|((round, ids), (before, _))| {
                    *round >= before + 2 && ids.iter().all(|id| id != kid)
                })
            },
        );
    }

    fn reads(&self, step: usize, kid: &str) -> usize {
        let reads = self.reads.lock().unwrap();
        reads.get(&(step, kid.to_owned())).copied().unwrap_or(0)
    }
}

/// Stops the load when this value is dropped, even if the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn signing_keys_rotate_under_load_and_no_request_fails() {
    let mut site = Site::start(Some(SHORT_CACHE_DURATION));
    let emails: [String; CLIENTS] = std::array::from_fn(|n| site.register(&format!("client-{n}")));
    let load = Load::new(&site.gateway.client);
    let old = site.key_ids().remove(0);
    let new = std::thread::scope(|scope| {
        let stop_on_drop = StopOnDrop(&load.stop);
        for (client, email) in emails.iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.run(client, email));
        }
        wait_until(STEP_DEADLINE, "reads before the rotation", || {
            load.reads(0, &old) >= 10
        });

        // Step 1: the new key is published, and does not sign. The step ends when all verifiers accept a token of the new key.
        load.step.store(1, Ordering::Relaxed);
        site.replace_users(&[OLD_KEY, NEW_KEY]);
        let ids = site.key_ids();
        assert_eq!((ids.len(), &ids[0]), (2, &old));
        let new = ids[1].clone();
        let token = Issuer::new(&*new, NEW_KEY).token(Uuid::now_v7(), 600);
        wait_until(STEP_DEADLINE, "all verifiers to have the new key", || {
            site.gateway.read_cart(&token).status == 200
        });
        assert_eq!(load.reads(1, &new), 0, "the new key signed in step 1");

        // Step 2: the new key signs. The step ends when no client has a token of the old key.
        load.step.store(2, Ordering::Relaxed);
        site.replace_users(&[NEW_KEY, OLD_KEY]);
        assert_eq!(site.key_ids(), [new.clone(), old.clone()]);
        load.wait_for_rounds_without(&old);

        // Step 3: the old key is removed. The step ends when the gateway rejects tokens of the old key.
        load.step.store(3, Ordering::Relaxed);
        site.replace_users(&[NEW_KEY]);
        assert_eq!(site.key_ids(), [new.as_str()]);
        let token = Issuer::new(&*old, OLD_KEY).token(Uuid::now_v7(), 600);
        wait_until(STEP_DEADLINE, "the gateway to reject the old key", || {
            site.gateway.read_cart(&token).status == 401
        });
        wait_until(STEP_DEADLINE, "reads after the rotation", || {
            load.reads(3, &new) >= 10
        });
        drop(stop_on_drop);
        new
    });
    let failures = load.failures.lock().unwrap();
    let reads = load.reads.lock().unwrap();
    println!(
        "{} log-ins, reads by step and key: {reads:?}, {} failures",
        load.logins.load(Ordering::Relaxed),
        failures.len()
    );
    assert!(failures.is_empty(), "{failures:#?}");
    drop(reads);
    for (step, kid) in [(1, &old), (2, &old), (2, &new)] {
        assert!(load.reads(step, kid) > 0, "step {step}, key {kid}");
    }
}

#[test]
fn a_new_signing_key_that_was_not_published_before_is_rejected_by_the_gateway() {
    let mut site = Site::start(None);
    let email = site.register("ann");
    let before = site.gateway.log_in(&email);
    let _ = site.gateway.read_cart(&before).expect(200);
    assert_eq!(site.gateway.fetches(), 1);

    // Step 2 of the rotation without step 1.
    site.replace_users(&[NEW_KEY, OLD_KEY]);
    let after = site.gateway.log_in(&email);
    assert_ne!(key_id(&after).unwrap(), key_id(&before).unwrap());
    for _ in 0..5 {
        let answer = site.gateway.read_cart(&after).expect(401);
        assert_eq!(
            answer.text(),
            "Jwks doesn't have key to match kid or alg from Jwt"
        );
    }
    let _ = site.gateway.read_cart(&before).expect(200);
    assert_eq!(
        site.gateway.fetches(),
        1,
        "Envoy fetched the keys because of an unknown key id"
    );
}
