//! Customers by the hundred. Their tokens are signed here, with the key that the shop was started with: a log-in is costly by design, and is
//! not what is tested.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{Answer, Client, Shop, ShopOptions};
use uuid::Uuid;

use crate::customer::{self, text};

/// How long somebody goes on asking for a definite answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the shop's key is made from.
const SEED: u8 = 7;

pub(crate) struct Crowd {
    issuer: Issuer,
    /// How often somebody had to ask again.
    pub(crate) repeats: AtomicUsize,
}

impl Crowd {
    /// A shop that takes this many requests at once, and its crowd.
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

    /// A shop that believes a crowd's tokens.
    pub(crate) fn believed(options: ShopOptions) -> ShopOptions {
        options.variable("jwt_private_key", Issuer::new("", SEED).pem())
    }

    /// A new customer's token.
    pub(crate) fn token(&self) -> String {
        self.issuer.token(Uuid::now_v7(), 3600)
    }

    /// Orders one of `sku`.
    pub(crate) fn buy(&self, gateway: &Client, token: &str, key: &str, sku: &str) -> Answer {
        self.ask(gateway, "/order", token, key, &body(sku))
    }

    /// Sends it with the same key again and again until the answer is definite.
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

/// An order of one of `sku`.
pub(crate) fn body(sku: &str) -> Value {
    json!({"shipping_address": customer::address(), "payment": customer::card("tok_visa"), "items": [{"sku": sku, "quantity": 1}]})
}

/// Whether an answer only says to ask again.
pub(crate) fn goes_on(answer: &Answer) -> bool {
    match answer.status {
        409 => answer.json["code"] == "request_in_progress",
        429 | 503 | 504 => true,
        _ => false,
    }
}
