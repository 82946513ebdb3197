//! Hundreds of customers. The test signs their tokens with the shop's own key: a log-in is costly by design, and is not
//! under test.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{Answer, Client, Shop, ShopOptions};
use uuid::Uuid;

use crate::customer::{self, text};

/// Time limit for retries until a definite response.
const PATIENCE: Duration = Duration::from_secs(120);

/// Seed of the shop's key.
const SEED: u8 = 7;

pub(crate) struct Crowd {
    issuer: Issuer,
    /// Number of retries.
    pub(crate) repeats: AtomicUsize,
}

impl Crowd {
    /// A shop that accepts this many concurrent requests, and its crowd.
    pub(crate) fn start(options: ShopOptions, at_once: usize) -> (Shop, Self) {
        let mut options = Self::believed(options);
        options
            .arguments
            .extend(["--max-instances".to_owned(), at_once.to_string()]);
        let shop = Shop::start(options);
        let keys = shop.gateway().get("/user/jwks").send().expect(200).json;
        let crowd = Self {
            issuer: Issuer::new(text(&keys["keys"][0], "kid"), SEED),
            repeats: AtomicUsize::new(0),
        };
        (shop, crowd)
    }

    /// A shop that accepts a crowd's tokens.
    pub(crate) fn believed(options: ShopOptions) -> ShopOptions {
        options.variable("jwt_private_key", Issuer::new("", SEED).pem())
    }

    /// A new customer's token.
    pub(crate) fn token(&self) -> String {
        self.issuer.token(Uuid::now_v7(), 3600)
    }

    /// Orders one unit of `sku`.
    pub(crate) fn buy(&self, gateway: &Client, token: &str, key: &str, sku: &str) -> Answer {
        self.ask(gateway, "/order", token, key, &body(sku))
    }

    /// Sends a request with the same key until the response is definite.
    pub(crate) fn ask(
        &self,
        client: &Client,
        path: &str,
        token: &str,
        key: &str,
        body: &Value,
    ) -> Answer {
        let begun = Instant::now();
        loop {
            let call = client.post(path).header("idempotency-key", key);
            let call = match token {
                "" => call,
                token => call.bearer(token),
            };
            if let Ok(answer) = call.json(body).try_send()
                && !goes_on(&answer)
            {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: no definite answer");
            self.repeats.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// An order of one unit of `sku`.
pub(crate) fn body(sku: &str) -> Value {
    json!({"shipping_address": customer::address(), "payment": customer::card("tok_visa"), "items": [{"sku": sku, "quantity": 1}]})
}

/// Whether a response means that the client must retry.
pub(crate) fn goes_on(answer: &Answer) -> bool {
    match answer.status {
        409 => answer.json["code"] == "request_in_progress",
        429 | 503 | 504 => true,
        _ => false,
    }
}
