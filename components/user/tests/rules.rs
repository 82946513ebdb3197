//! Tests of the routes of `user` with a real SQLite database: the responses to the caller, and the cost of a log-in.
//!
//! The file is long, because it tests every rule once with the same small shop.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic fails the test, which is intended"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};
use stoa_service::outbound::Caller;
use stoa_service::testing::{FakeOutbound, Issuer, TestDatabase, reply, request};
use stoa_service::{Service, time, token};
use user::app::App;
use user::config::{Config, DEFAULT_TOKEN_TTL_SECONDS};
use user::keys::SigningKey;
use user::password::{Argon2id, Password, PasswordError, Passwords};
use user::store::SCHEMA;
use uuid::Uuid;

/// Counts the hashes and verifications of passwords.
#[derive(Default)]
struct PasswordCounts {
    hashed: AtomicUsize,
    verified: AtomicUsize,
}

struct CountingPasswords(Arc<PasswordCounts>);

impl Passwords for CountingPasswords {
    fn hash(&self, password: &Password) -> Result<String, PasswordError> {
        self.0.hashed.fetch_add(1, Ordering::SeqCst);
        Ok(format!("hash of {}", password.expose()))
    }

    fn verify(&self, password: &Password, hash: &str) -> Result<bool, PasswordError> {
        self.0.verified.fetch_add(1, Ordering::SeqCst);
        Ok(hash == format!("hash of {}", password.expose()))
    }
}

struct Shop {
    database: TestDatabase,
    counts: Arc<PasswordCounts>,
    private_key: Option<String>,
}

struct TestResponse {
    status: u16,
    body: Value,
    headers: http::HeaderMap,
}

impl Shop {
    fn new() -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        Self {
            database,
            counts: Arc::default(),
            private_key: None,
        }
    }

    fn app(&self) -> App {
        let key = self.private_key.clone();
        let source = move |name: &str| match name {
            "jwt_private_key" => key.clone(),
            _ => None,
        };
        App {
            config: Config::read(&source).unwrap(),
            db: Box::new(self.database.connect()),
            passwords: Box::new(CountingPasswords(self.counts.clone())),
            clock: Box::new(time::now),
        }
    }

    fn send(
        &self,
        app: &App,
        method: Method,
        uri: &str,
        token: &str,
        body: &Value,
    ) -> TestResponse {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        let request = request(App::NAME, method, uri, headers, &body.to_string());
        let response = app.answer(request);
        TestResponse {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
        }
    }

    fn call(&self, method: Method, uri: &str, token: &str, body: &Value) -> TestResponse {
        self.send(&self.app(), method, uri, token, body)
    }

    fn register(&self, email: &str) -> TestResponse {
        let body = json!({"email": email, "password": "correct horse", "name": "Ann"});
        self.call(Method::POST, "/user/register", "", &body)
    }

    fn login(&self, email: &str, password: &str) -> TestResponse {
        let body = json!({"email": email, "password": password});
        self.call(Method::POST, "/user/login", "", &body)
    }

    /// Registers an account and logs in. Returns the access token.
    fn token(&self, email: &str) -> String {
        assert_eq!(self.register(email).status, 201);
        let response = self.login(email, "correct horse");
        response.body["access_token"].as_str().unwrap().to_owned()
    }

    fn get(&self, uri: &str, token: &str) -> TestResponse {
        self.call(Method::GET, uri, token, &Value::Null)
    }

    fn patch(&self, token: &str, body: &Value) -> TestResponse {
        self.call(Method::PATCH, "/user/me", token, body)
    }

    fn verified_count(&self) -> usize {
        self.counts.verified.load(Ordering::SeqCst)
    }
}

#[test]
fn a_customer_registers_logs_in_and_other_services_accept_the_token() {
    let shop = Shop::new();
    let response = shop.register("Ann@Example.com");
    assert_eq!(response.status, 201);
    assert_eq!(response.body["email"], "ann@example.com");
    assert_eq!(response.body["phone"], Value::Null);
    assert!(time::parse(response.body["created_at"].as_str().unwrap()).is_some());
    assert!(!response.body.to_string().contains("hash"));

    let login = shop.login("ANN@example.com", "correct horse");
    assert_eq!(
        (login.status, &login.body["token_type"]),
        (200, &json!("Bearer"))
    );
    assert_eq!(login.body["expires_in"], DEFAULT_TOKEN_TTL_SECONDS);
    assert_eq!(login.headers["cache-control"], "no-store");
    let token = login.body["access_token"].as_str().unwrap();

    // Verifies the token as every other service does, with the key set from `GET /user/jwks`.
    let jwks = shop.get("/user/jwks", "");
    assert_eq!(jwks.headers["cache-control"], "public, max-age=300");
    assert!(
        !jwks.body.to_string().contains("\"d\""),
        "the key set must not contain the private key"
    );
    let body = jwks.body.clone();
    let outbound = FakeOutbound::new(move |_| reply(200, body.clone()));
    let database = TestDatabase::new();
    let db = database.connect();
    stoa_service::sql::Database::execute(&db, stoa_service::jwks_table!("cart"), &[]).unwrap();
    let bearer = format!("Bearer {token}");
    let cart_request = request(
        "cart",
        Method::GET,
        "/cart",
        &[("authorization", &bearer)],
        "",
    );
    let caller = Caller {
        outbound: &outbound,
        context: cart_request.context(),
    };
    let claims = token::verify(&db, caller, "http://user", &cart_request).unwrap();
    assert_eq!(json!(claims.sub), response.body["user_id"]);
    assert_eq!(
        (claims.email.as_str(), claims.name.as_str()),
        ("ann@example.com", "Ann")
    );
    assert_eq!(claims.phone, None);

    assert_eq!(shop.get("/user/me", token).body, response.body);
}

#[test]
fn concurrent_registrations_of_one_address_in_any_letter_case_create_one_account() {
    let shop = Shop::new();
    let statuses = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let email = if n % 2 == 0 {
                    "ann@example.com"
                } else {
                    "ANN@EXAMPLE.COM"
                };
                let shop = &shop;
                scope.spawn(move || shop.register(email).status)
            })
            .collect();
        let mut all: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        all.sort_unstable();
        all
    });
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(shop.register("ann@example.com").body["code"], "email_taken");
}

#[test]
fn an_unknown_address_and_a_wrong_password_get_the_same_response_after_the_same_work() {
    let shop = Shop::new();
    shop.register("ann@example.com");
    let mut answers = Vec::new();
    for (email, password) in [
        ("ann@example.com", "wrong horse"),
        ("bob@example.com", "correct horse"),
        ("no address at all", "correct horse"),
        ("", ""),
    ] {
        let before = shop.verified_count();
        let mut response = shop.login(email, password);
        assert_eq!(shop.verified_count() - before, 1, "{email}");
        let members = response.body.as_object_mut().unwrap();
        assert!(members.remove("request_id").is_some());
        let mut names: Vec<_> = response.headers.keys().map(|n| n.to_string()).collect();
        names.sort();
        answers.push((response.status, response.body, names));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0].1["code"], "invalid_credentials");
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:#?}");
}

#[test]
fn the_real_hash_accepts_only_the_right_password() {
    let shop = Shop::new();
    let app = App {
        passwords: Box::new(Argon2id),
        ..shop.app()
    };
    let account = json!({"email": "ann@example.com", "password": "correct horse", "name": "Ann"});
    let response = shop.send(&app, Method::POST, "/user/register", "", &account);
    assert_eq!(response.status, 201);
    for (email, password, status) in [
        ("ann@example.com", "correct horse", 200),
        ("ann@example.com", "correct horse ", 401),
        ("bob@example.com", "correct horse", 401),
    ] {
        let body = json!({"email": email, "password": password});
        let response = shop.send(&app, Method::POST, "/user/login", "", &body);
        assert_eq!(response.status, status, "{email} {password}");
    }
}

#[test]
fn a_change_sets_the_given_fields_and_keeps_the_other_fields() {
    let shop = Shop::new();
    let token = shop.token("ann@example.com");
    let number = "+4915112345678";
    for (change, name, phone) in [
        (json!({"phone": number}), "Ann", json!(number)),
        (json!({"name": " Ann Lee "}), "Ann Lee", json!(number)),
        (json!({}), "Ann Lee", json!(number)),
        (json!({"phone": null}), "Ann Lee", Value::Null),
        (
            json!({"name": "Ann", "phone": number}),
            "Ann",
            json!(number),
        ),
    ] {
        let response = shop.patch(&token, &change);
        assert_eq!(response.status, 200, "{change}: {}", response.body);
        assert_eq!(
            (&response.body["name"], &response.body["phone"]),
            (&json!(name), &phone)
        );
        assert_eq!(shop.get("/user/me", &token).body, response.body);
    }
    // The token of the next log-in contains the changed fields.
    let login = shop.login("ann@example.com", "correct horse");
    let key =
        user::store::signing_key::find_or_generate(&shop.database.connect(), time::now()).unwrap();
    let access_token = login.body["access_token"].as_str().unwrap();
    let claims = token::decode(access_token, &key.decoding_key().unwrap()).unwrap();
    assert_eq!(claims.phone.as_deref(), Some(number));
}

#[test]
fn a_bad_change_is_refused_and_changes_nothing() {
    let shop = Shop::new();
    let token = shop.token("ann@example.com");
    let before = shop.get("/user/me", &token).body;
    for change in [
        json!({"email": "bob@example.com"}),
        json!({"user_id": Uuid::now_v7()}),
        json!({"name": "Bob", "phone": "0151"}),
        json!({"name": null}),
        json!({"name": " "}),
        json!({"phone": 49}),
    ] {
        assert_eq!(shop.patch(&token, &change).status, 422, "{change}");
    }
    assert_eq!(shop.get("/user/me", &token).body, before);
}

#[test]
fn the_error_for_a_bad_registration_names_the_field_and_never_quotes_the_password() {
    let shop = Shop::new();
    for (body, field) in [
        (
            json!({"email": "ann", "password": "correct horse", "name": "Ann"}),
            "email",
        ),
        (
            json!({"email": "a@b", "password": "hunter2", "name": "Ann"}),
            "password",
        ),
        (
            json!({"email": "a@b", "password": "h".repeat(129), "name": "Ann"}),
            "password",
        ),
        (
            json!({"email": "a@b", "password": "correct horse", "name": ""}),
            "name",
        ),
        (json!({"email": "a@b", "password": "correct horse"}), "name"),
        (
            json!({"email": "a@b", "password": "correct horse", "name": "A", "admin": true}),
            "admin",
        ),
    ] {
        let response = shop.call(Method::POST, "/user/register", "", &body);
        let detail = response.body["detail"].as_str().unwrap();
        assert_eq!(
            (response.status, detail.contains(field)),
            (422, true),
            "{detail}"
        );
        assert!(
            !detail.contains("hunter2") && !detail.contains("hhhh"),
            "{detail}"
        );
    }
    let good = json!({"email": "a@b", "password": "correct horse", "name": "A"});
    for uri in ["/user/register?x=1", "/user/login?x=1"] {
        let response = shop.call(Method::POST, uri, "", &good);
        assert_eq!(
            (response.status, &response.body["code"]),
            (400, &json!("unknown_parameter"))
        );
    }
    assert_eq!(shop.counts.hashed.load(Ordering::SeqCst), 0);
    assert_eq!(shop.login("a@b", "correct horse").status, 401);
}

#[test]
fn missing_foreign_and_expired_tokens_and_tokens_of_deleted_accounts_are_401() {
    let mut shop = Shop::new();
    let key = SigningKey::generate().unwrap();
    shop.private_key = Some(key.to_pem().unwrap());
    let good = shop.token("ann@example.com");
    let me = shop.get("/user/me", &good).body["user_id"].clone();
    let me: Uuid = serde_json::from_value(me).unwrap();
    let signed = |sub: Uuid, seconds: i64| {
        let now = time::now() / 1000;
        let claims = token::Claims {
            sub,
            iss: token::ISSUER.to_owned(),
            aud: token::AUDIENCE.to_owned(),
            iat: 0,
            exp: u64::try_from(now + seconds).unwrap(),
            email: "ann@example.com".to_owned(),
            name: "Ann".to_owned(),
            phone: None,
        };
        token::encode(&claims, &key.encoding_key().unwrap(), key.kid()).unwrap()
    };
    assert_eq!(shop.get("/user/me", &signed(me, 60)).status, 200);
    for bad in [
        String::new(),
        "x".to_owned(),
        signed(me, -60),
        signed(Uuid::now_v7(), 60),
        Issuer::new("k1", 1).token(me, 60),
        format!("{good}x"),
    ] {
        for method in [Method::GET, Method::PATCH] {
            let response = shop.call(method, "/user/me", &bad, &json!({"name": "Eve"}));
            assert_eq!(
                (response.status, &response.body["code"]),
                (401, &json!("unauthorized")),
                "{bad}"
            );
            assert_eq!(response.headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(shop.get("/user/me", &good).body["name"], "Ann");
}

#[test]
fn concurrent_first_requests_generate_the_key_once() {
    let shop = Shop::new();
    let sets = std::thread::scope(|scope| {
        let first: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| shop.get("/user/jwks", "").body))
            .collect();
        first
            .into_iter()
            .map(|t| t.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(sets[0]["keys"][0]["kid"].as_str().unwrap().len(), 43);
    assert!(sets.iter().all(|set| *set == sets[0]), "{sets:#?}");
}

#[test]
fn the_first_key_signs_and_a_token_of_every_configured_key_is_accepted() {
    let mut shop = Shop::new();
    let [old, new, foreign] = [(); 3].map(|()| SigningKey::generate().unwrap());
    let pem = |keys: &[&SigningKey]| {
        let blocks = keys.iter().map(|key| key.to_pem().unwrap());
        Some(blocks.collect::<String>())
    };
    let key_id = |token: &str| token::key_id(token).unwrap();
    // The steps of a rotation: one key, the new key is published, the new key signs, the old key is removed.
    shop.private_key = pem(&[&old]);
    let first = shop.token("ann@example.com");
    let log_in = |shop: &Shop| {
        let response = shop.login("ann@example.com", "correct horse");
        response.body["access_token"].as_str().unwrap().to_owned()
    };
    let mut tokens = vec![first];
    for (keys, accepted) in [
        (vec![&old, &new], vec![&old]),
        (vec![&new, &old], vec![&old, &new]),
        (vec![&new], vec![&new]),
    ] {
        shop.private_key = pem(&keys);
        let set = shop.get("/user/jwks", "").body;
        let published = set["keys"].as_array().unwrap().iter();
        let published: Vec<_> = published.map(|key| key["kid"].as_str().unwrap()).collect();
        assert_eq!(published, keys.iter().map(|k| k.kid()).collect::<Vec<_>>());
        let token = log_in(&shop);
        assert_eq!(key_id(&token), keys[0].kid());
        tokens.push(token);
        for token in &tokens {
            let is_accepted = accepted.iter().any(|key| key.kid() == key_id(token));
            let status = if is_accepted { 200 } else { 401 };
            assert_eq!(shop.get("/user/me", token).status, status, "{published:?}");
        }
    }
    // A token of a key that is not configured, with the id of a configured key.
    let claims = token::decode(&tokens[3], &new.decoding_key().unwrap()).unwrap();
    let forged = token::encode(&claims, &foreign.encoding_key().unwrap(), new.kid()).unwrap();
    assert_eq!(shop.get("/user/me", &forged).status, 401);
}

#[test]
fn the_key_set_contains_the_configured_key() {
    let mut shop = Shop::new();
    let generated = shop.get("/user/jwks", "").body;
    let key = SigningKey::generate().unwrap();
    shop.private_key = Some(key.to_pem().unwrap());
    let set = shop.get("/user/jwks", "").body;
    assert_eq!(set["keys"][0]["kid"], key.kid());
    assert_ne!(set, generated);
}

#[test]
fn an_error_names_every_wrong_setting_and_does_not_show_the_key() {
    let faults = Config::read(&|name| match name {
        "jwt_private_key" => Some("very secret".to_owned()),
        "token_ttl_seconds" => Some("5".to_owned()),
        _ => None,
    })
    .unwrap_err()
    .to_string();
    assert!(
        faults.contains("jwt_private_key") && faults.contains("P-256"),
        "{faults}"
    );
    assert!(faults.contains("token_ttl_seconds"), "{faults}");
    assert!(!faults.contains("very secret"), "{faults}");

    let block = SigningKey::generate().unwrap().to_pem().unwrap();
    let cut_off = block.replace("-----END PRIVATE KEY-----", "");
    let pem = format!("{block}{cut_off}{block}");
    let faults = Config::read(&|name| (name == "jwt_private_key").then(|| pem.clone()));
    let faults = faults.unwrap_err().0;
    assert_eq!(faults.len(), 2, "{faults:?}");
    for (fault, place) in faults.iter().zip(["block 2 of 3", "block 3 of 3"]) {
        assert!(fault.starts_with("variable jwt_private_key: "), "{fault}");
        assert!(fault.contains(place), "{fault}");
        let secret = block.lines().nth(1).unwrap();
        assert!(!fault.contains(secret), "{fault}");
    }
}

#[test]
fn the_root_describes_the_service_without_a_login() {
    let response = Shop::new().get("/user", "");
    assert_eq!(
        (response.status, &response.body["service"]),
        (200, &json!("user"))
    );
    assert!(response.body["description"].is_string());
}
