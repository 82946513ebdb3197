//! Simulates hundreds of customers. The test signs their tokens with the shop's key, because a log-in takes much CPU time by
//! design, and log-ins are not the subject of these tests.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{Answer, Client, Shop, ShopOptions, wait_until};
use uuid::Uuid;

use crate::customer::{self, text};

/// Timeout for a definite response, including all retries.
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);

/// Seed of the shop's key for tokens.
const KEY_SEED: u8 = 7;

pub(crate) struct Crowd {
    issuer: Issuer,
    /// Number of retries.
    pub(crate) repeats: AtomicUsize,
}

impl Crowd {
    /// Starts a shop that accepts `concurrent` requests at the same time. Returns the shop and the crowd.
    pub(crate) fn start(options: ShopOptions, concurrent: usize) -> (Shop, Self) {
        let mut options = Self::with_crowd_key(options);
        options
            .arguments
            .extend(["--max-instances".to_owned(), concurrent.to_string()]);
        let shop = Shop::start(options);
        // The first request to a service creates its tables, and product reads the PIM. On a busy machine that takes longer than order
        // waits for product.
        wait_until(RETRY_TIMEOUT, "the first response of product", || {
            let answer = shop.gateway().get("/product/COF-001").try_send();
            answer.is_ok_and(|answer| answer.status == 200)
        });
        let keys = shop.gateway().get("/user/jwks").send().expect(200).json;
        let crowd = Self {
            issuer: Issuer::new(text(&keys["keys"][0], "kid"), KEY_SEED),
            repeats: AtomicUsize::new(0),
        };
        (shop, crowd)
    }

    /// Options of a shop that accepts the crowd's tokens.
    pub(crate) fn with_crowd_key(options: ShopOptions) -> ShopOptions {
        options.variable("jwt_private_key", Issuer::new("", KEY_SEED).pem())
    }

    /// The token of a new customer.
    pub(crate) fn token(&self) -> String {
        self.issuer.token(Uuid::now_v7(), 3600)
    }

    /// Orders one unit of `sku`.
    pub(crate) fn buy(&self, gateway: &Client, token: &str, key: &str, sku: &str) -> Answer {
        self.send_until_definite(gateway, "/order", token, key, &body(sku))
    }

    /// Sends a request again with the same key, until the response is definite.
    pub(crate) fn send_until_definite(
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
                && !must_retry(&answer)
            {
                return answer;
            }
            assert!(
                begun.elapsed() < RETRY_TIMEOUT,
                "{path}: no definite response"
            );
            self.repeats.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The request body of an order for one unit of `sku`.
pub(crate) fn body(sku: &str) -> Value {
    json!({"shipping_address": customer::address(), "payment": customer::card("tok_visa"), "items": [{"sku": sku, "quantity": 1}]})
}

/// Whether a response means that the client must retry.
pub(crate) fn must_retry(answer: &Answer) -> bool {
    match answer.status {
        409 => answer.json["code"] == "request_in_progress",
        429 | 503 | 504 => true,
        _ => false,
    }
}
