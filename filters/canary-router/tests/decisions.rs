//! Tests which version a caller gets, and for which reason.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a configuration that cannot be read fails the test"
)]

use std::cell::Cell;
use std::collections::HashMap;

use canary_router::config::Config;
use canary_router::cookie;
use canary_router::decision::{Reason, Request, decide};

#[derive(Default, Clone)]
struct Fake {
    headers: HashMap<String, Vec<Vec<u8>>>,
    claims: HashMap<String, Vec<u8>>,
    principal: Option<String>,
}

impl Request for Fake {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.get(name)?.first().cloned()
    }

    fn headers(&self, name: &str) -> Vec<Vec<u8>> {
        self.headers.get(name).cloned().unwrap_or_default()
    }

    fn principal(&self) -> Option<Vec<u8>> {
        self.principal.clone().map(String::into_bytes)
    }

    fn claim(&self, name: &str) -> Option<Vec<u8>> {
        self.claims.get(name).cloned()
    }
}

impl Fake {
    fn with(mut self, name: &str, value: &str) -> Self {
        let values = self.headers.entry(name.to_owned()).or_default();
        values.push(value.into());
        self
    }

    fn user(mut self, id: &str) -> Self {
        self.claims.insert("sub".to_owned(), id.into());
        self
    }

    fn inside(mut self) -> Self {
        self.principal = Some("spiffe://cluster.local/ns/shop/sa/cart".to_owned());
        self
    }
}

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

/// A configuration with the service `product`. `weights` are the weights of v1 and v2, and `choose` contains the members of the
/// object `choose`.
fn product(weights: [u32; 2], choose: &str) -> Config {
    let [v1, v2] = weights;
    config(&format!(
        r#"{{"services": [{{"name": "product", "header": "x-shop-version", "stable": "v1", "choose": {{{choose}}},
            "versions": [{{"name": "v1", "weight": {v1}}}, {{"name": "v2", "weight": {v2}}}]}}]}}"#
    ))
}

fn chosen(config: &Config, request: &Fake) -> (&'static str, Reason) {
    let decision = decide(config, request, || 7);
    let choice = decision.choices[0];
    (["v1", "v2"][choice.version], choice.reason)
}

#[test]
fn by_default_ten_percent_of_the_users_get_v2_on_every_request() {
    let config = config("");
    let users = 20_000;
    let on_v2 = (0..users)
        .filter(|user| {
            let request = Fake::default().user(&format!("user-{user}"));
            let first = chosen(&config, &request);
            assert_eq!(first, chosen(&config, &request));
            assert_eq!(first.1, Reason::UserHash);
            first.0 == "v2"
        })
        .count();
    // The tolerance of 170 users is 4 sigma of 20,000 draws at 10 %. The list of users is fixed, so the result is always the same.
    assert!((1_830..=2_170).contains(&on_v2), "{on_v2}");
}

#[test]
fn while_the_weight_grows_a_user_moves_once_and_does_not_move_back() {
    let steps = [0, 1, 500, 1_000, 2_500, 5_000, 9_999, 10_000];
    let configs = steps.map(|v2| product([10_000 - v2, v2], ""));
    for user in 0..2_000 {
        let request = Fake::default().user(&format!("user-{user}"));
        let versions: Vec<_> = configs
            .iter()
            .map(|config| chosen(config, &request).0)
            .collect();
        assert!(versions.is_sorted(), "user {user}: {versions:?}");
        assert_eq!((versions[0], versions[steps.len() - 1]), ("v1", "v2"));
    }
}

#[test]
fn another_salt_chooses_other_users() {
    let with = |salt: &str| {
        config(&format!(
            r#"{{"services": [{{"name": "product", "salt": "{salt}", "stable": "v1",
                "versions": [{{"name": "v1", "weight": 5000}}, {{"name": "v2", "weight": 5000}}]}}]}}"#
        ))
    };
    let (one, other) = (with("a"), with("b"));
    let differ = (0..1_000)
        .map(|user| Fake::default().user(&user.to_string()))
        .filter(|request| chosen(&one, request) != chosen(&other, request))
        .count();
    assert!((400..600).contains(&differ), "{differ}");
}

#[test]
fn a_header_from_outside_the_mesh_chooses_a_version_only_if_configured() {
    let closed = product([10_000, 0], "");
    let request = Fake::default().with("x-shop-version", "v2").user("u");
    assert_eq!(chosen(&closed, &request), ("v1", Reason::UserHash));
    assert_eq!(
        chosen(&closed, &request.clone().inside()),
        ("v2", Reason::Header)
    );
    let open = product([10_000, 0], r#""from_outside": ["X-Shop-Version"]"#);
    assert_eq!(chosen(&open, &request), ("v2", Reason::Header));
    let unknown = Fake::default().with("x-shop-version", "v3").user("u");
    assert_eq!(chosen(&open, &unknown), ("v1", Reason::UserHash));
}

#[test]
fn a_caller_is_inside_the_mesh_only_with_a_configured_identity() {
    let mut config = product([10_000, 0], "");
    config.inside_identities = vec!["spiffe://cluster.local/ns/other/".to_owned()];
    let request = Fake::default().with("x-shop-version", "v2").inside();
    assert_eq!(
        chosen(&config, &request.user("u")),
        ("v1", Reason::UserHash)
    );
}

#[test]
fn a_configured_header_chooses_a_version() {
    let beta = product(
        [10_000, 0],
        r#""headers": [{"name": "x-beta-user", "exact": "true", "version": "v2"}], "from_outside": ["x-beta-user"]"#,
    );
    let request = Fake::default().user("u");
    let with = |value| chosen(&beta, &request.clone().with("x-beta-user", value));
    assert_eq!(with("true"), ("v2", Reason::Header));
    assert_eq!(with("false"), ("v1", Reason::UserHash));
}

#[test]
fn each_value_of_a_repeated_header_is_tested_separately() {
    let open = product(
        [10_000, 0],
        r#""headers": [{"name": "x-beta-user", "exact": "true", "version": "v2"}],
            "from_outside": ["x-beta-user", "x-shop-version"]"#,
    );
    let with = |name: &str, values: [&str; 2]| {
        let [first, second] = values;
        let request = Fake::default().with(name, first).with(name, second);
        decide(&open, &request.user("u"), || 7).choices[0]
    };
    for values in [["true", "true"], ["true", "false"], ["false", "true"]] {
        assert_eq!(with("x-beta-user", values).reason, Reason::Header);
    }
    assert_eq!(
        with("x-beta-user", ["false", "no"]).reason,
        Reason::UserHash
    );
    let choice = with("x-shop-version", ["v9", "v2"]);
    assert_eq!((choice.version, choice.reason), (1, Reason::Header));
    // If the request contains the version header twice, the filter must replace both values with one. Otherwise the second value
    // could match the route of another version.
    for values in [["v1", "v2"], ["v1", "v1"]] {
        assert!(!with("x-shop-version", values).is_set, "{values:?}");
    }
}

#[test]
fn cookies_are_found_in_every_cookie_header() {
    let config = product([10_000, 0], r#""cookie": "version""#);
    let request = Fake::default()
        .with("cookie", "a=b")
        .with("cookie", "version=v2")
        .user("u");
    assert_eq!(chosen(&config, &request), ("v2", Reason::Cookie));
}

#[test]
fn a_query_parameter_or_a_cookie_chooses_a_version_only_if_configured() {
    let request = Fake::default()
        .with(":path", "/product?q=a&version=v2")
        .with("cookie", "a=b; version=v2; c=d")
        .user("u");
    let neither = product([10_000, 0], "");
    assert_eq!(chosen(&neither, &request), ("v1", Reason::UserHash));
    let query = product([10_000, 0], r#""query": "version""#);
    assert_eq!(chosen(&query, &request), ("v2", Reason::Query));
    let cookie = product([10_000, 0], r#""cookie": "version""#);
    assert_eq!(chosen(&cookie, &request), ("v2", Reason::Cookie));
    let other = Fake::default()
        .with("cookie", "version=v9")
        .with(":path", "/?version=v9")
        .user("u");
    assert_eq!(chosen(&cookie, &other), ("v1", Reason::UserHash));
}

#[test]
fn users_and_groups_come_from_verified_claims_only() {
    let lists = product(
        [10_000, 0],
        r#""users": [{"version": "v2", "names": ["ann"]}], "groups": [{"version": "v2", "names": ["staff"]}]"#,
    );
    assert_eq!(
        chosen(&lists, &Fake::default().user("ann")),
        ("v2", Reason::User)
    );
    let mut bob = Fake::default().user("bob");
    assert_eq!(chosen(&lists, &bob), ("v1", Reason::UserHash));
    bob.claims
        .insert("groups".to_owned(), b"people,staff".to_vec());
    assert_eq!(chosen(&lists, &bob), ("v2", Reason::Group));
    let token = Fake::default().with("authorization", "Bearer e30.eyJzdWIiOiJhbm4ifQ.x");
    assert_ne!(chosen(&lists, &token).1, Reason::User);
}

#[test]
fn a_caller_without_a_user_id_gets_a_session_cookie_and_keeps_the_version() {
    let config = product([5_000, 5_000], "");
    let mut versions = Vec::new();
    for id in 0..2_000_u64 {
        let first = decide(&config, &Fake::default(), || id);
        assert_eq!(first.choices[0].reason, Reason::Random);
        assert_eq!(first.session, Some(id));
        let cookie = format!("theme=dark; shop-session={}", cookie::format_session(id));
        let next = decide(&config, &Fake::default().with("cookie", &cookie), || 0);
        assert_eq!(next.choices[0].reason, Reason::SessionHash);
        assert_eq!(next.choices[0].version, first.choices[0].version);
        assert_eq!(next.session, None, "the filter set a second cookie");
        versions.push(first.choices[0].version);
    }
    let on_v2 = versions.iter().sum::<usize>();
    assert!(
        (910..=1_090).contains(&on_v2),
        "{on_v2} of 2,000 callers got v2; expected 1,000 with a tolerance of 90 (4 sigma)"
    );
}

#[test]
fn the_shops_own_session_takes_precedence_over_the_filters_session() {
    let mut config = product([5_000, 5_000], "");
    config.session_header = Some("x-session-id".to_owned());
    config.session_cookie = Some("sid".to_owned());
    for request in [
        Fake::default().with("x-session-id", "one"),
        Fake::default().with("cookie", "shop-session=two; sid=one"),
    ] {
        assert_eq!(chosen(&config, &request).1, Reason::SessionHash);
        let one = Fake::default().with("x-session-id", "one");
        assert_eq!(chosen(&config, &request), chosen(&config, &one));
    }
}

#[test]
fn a_health_check_stays_on_stable_and_gets_no_session() {
    let mut config = product([0, 10_000], "");
    config.health_paths = vec!["/healthz".to_owned()];
    for request in [
        Fake::default().with("user-agent", "kube-probe/1.33"),
        Fake::default().with("user-agent", "Envoy/HC"),
        Fake::default().with(":path", "/healthz?full"),
    ] {
        assert_eq!(chosen(&config, &request), ("v1", Reason::HealthCheck));
        assert_eq!(decide(&config, &request, || 7).session, None);
    }
    let browser = Fake::default().with("user-agent", "Mozilla/5.0 kube-probe/1.33");
    assert_eq!(chosen(&config, &browser).0, "v2");
}

#[test]
fn the_kill_switch_sends_every_caller_to_stable_even_with_an_explicit_header() {
    let request = Fake::default()
        .with("x-shop-version", "v2")
        .user("u")
        .inside();
    let mut all = product([0, 10_000], "");
    assert_eq!(chosen(&all, &request), ("v2", Reason::Header));
    all.everyone_on_stable = true;
    assert_eq!(chosen(&all, &request), ("v1", Reason::KillSwitch));
    let mut one = product([0, 10_000], "");
    one.services[0].everyone_on_stable = true;
    assert_eq!(chosen(&one, &request), ("v1", Reason::KillSwitch));
}

#[test]
fn the_choices_for_several_services_are_independent() {
    let config = config(
        r#"{"services": [
            {"name": "product", "header": "x-shop-version", "stable": "v1",
             "versions": [{"name": "v1", "weight": 5000}, {"name": "v2", "weight": 5000}]},
            {"name": "cart", "stable": "v1",
             "versions": [{"name": "v1", "weight": 5000}, {"name": "v2", "weight": 5000}]}]}"#,
    );
    assert_eq!(config.services[1].header, "x-cart-version");
    let sessions = Cell::new(0);
    let mut same = 0;
    for id in 0..1_000 {
        let decision = decide(&config, &Fake::default(), || {
            sessions.set(sessions.get() + 1);
            id
        });
        same += usize::from(decision.choices[0].version == decision.choices[1].version);
    }
    assert_eq!(
        sessions.get(),
        1_000,
        "a request gets only one session, even if there are several services"
    );
    assert!(
        (430..570).contains(&same),
        "{same} of 1,000 requests got the same version of both services, so the two choices are not independent"
    );
}

#[test]
fn the_header_is_not_set_again_if_it_already_has_the_version() {
    let config = product([10_000, 0], "");
    let is_set = |value: &str| {
        let request = Fake::default().with("x-shop-version", value).user("u");
        decide(&config, &request, || 7).choices[0].is_set
    };
    assert!(is_set("v1") && !is_set("v2"));
}
