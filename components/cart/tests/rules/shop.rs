//! The service `cart` with a real database. Functions replace the services `product`, `inventory` and `user`. The totals come from
//! the rules of the component `pricing`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cart::app::App;
use cart::config::Config;
use cart::store::SCHEMA;
use http::Method;
use serde_json::{Value, json};
use shop_pricing::testing::Rules;
use stoa_service::Service;
use stoa_service::outbound::{CallError, Reply};
use stoa_service::sql::Database;
use stoa_service::testing::{FakeOutbound, Issuer, StatementCounter, TestDatabase, reply, request};
use uuid::Uuid;

/// The test product with this SKU:
/// - A costs 250 cents.
/// - B costs 1,000 cents.
/// - C has no price.
/// - D costs 300 cents in US dollars.
/// - E costs the largest amount that the shop permits, 999,999,999,999,999 cents.
/// - F costs 1,000 cents.
/// - I0 to I99 cost 100 cents each.
///
/// The fake service `inventory` reports 10 available units of A and 5 available units of each other product. It does not know F.
fn product(sku: &str) -> Option<Value> {
    let price = match sku {
        "A" => json!({"amount": 250, "currency": "EUR"}),
        "B" | "F" => json!({"amount": 1000, "currency": "EUR"}),
        "C" => Value::Null,
        "D" => json!({"amount": 300, "currency": "USD"}),
        "E" => json!({"amount": 999_999_999_999_999_u64, "currency": "EUR"}),
        _ if sku.starts_with('I') => json!({"amount": 100, "currency": "EUR"}),
        _ => return None,
    };
    Some(
        json!({"product_id": "x", "sku": sku, "name": format!("Thing {sku}"), "description": "d",
        "category": "c", "image": "/i.svg", "price": price}),
    )
}

#[derive(Default)]
pub(crate) struct Outages {
    pub(crate) product: AtomicBool,
    pub(crate) inventory: AtomicBool,
}

pub(crate) struct Shop {
    pub(crate) database: TestDatabase,
    pub(crate) outages: Arc<Outages>,
    pub(crate) outbound: Arc<FakeOutbound>,
    pub(crate) issuer: Issuer,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let (database, issuer) = (TestDatabase::new(), Issuer::new("k1", 1));
        SCHEMA.ensure(&database.connect()).unwrap();
        let (outages, jwks) = (Arc::new(Outages::default()), issuer.jwks());
        let state = Arc::clone(&outages);
        let outbound = FakeOutbound::new(move |call| answer(&state, &jwks, &call.url));
        Self {
            database,
            outages,
            outbound: Arc::new(outbound),
            issuer,
        }
    }

    fn app(&self, db: impl Database + 'static) -> App {
        App {
            config: Config::read(&|name| Some(format!("http://{}", name.trim_end_matches("_url"))))
                .unwrap(),
            db: Box::new(db),
            outbound: Box::new(Arc::clone(&self.outbound)),
            prices: Box::new(Rules),
        }
    }

    /// The number of database statements that `GET /cart` needs.
    pub(crate) fn statements_of_a_read(&self, user: Uuid) -> usize {
        let db = StatementCounter::new(self.database.connect());
        let count = db.count();
        let header = format!("Bearer {}", self.issuer.token(user, 60));
        let headers = [("authorization", header.as_str())];
        let request = request(App::NAME, Method::GET, "/cart", &headers, "");
        assert_eq!(self.app(db).answer(request).status(), 200);
        count.get()
    }

    pub(crate) fn call_with(
        &self,
        token: &str,
        method: Method,
        uri: &str,
        body: &str,
    ) -> (u16, Value) {
        let app = self.app(self.database.connect());
        let header = format!("Bearer {token}");
        let headers = [
            ("authorization", header.as_str()),
            ("x-shop-version", "v2"),
            ("x-request-id", "r1"),
        ];
        let response = app.answer(request(App::NAME, method, uri, &headers, body));
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    pub(crate) fn call(&self, user: Uuid, method: Method, uri: &str, body: &Value) -> (u16, Value) {
        let token = self.issuer.token(user, 60);
        self.call_with(&token, method, uri, &body.to_string())
    }

    pub(crate) fn put(&self, user: Uuid, sku: &str, quantity: impl Into<Value>) -> (u16, Value) {
        let body = json!({"quantity": quantity.into()});
        self.call(user, Method::PUT, &format!("/cart/items/{sku}"), &body)
    }

    pub(crate) fn cart(&self, user: Uuid) -> Value {
        let (status, cart) = self.call(user, Method::GET, "/cart", &Value::Null);
        assert_eq!(status, 200, "{cart}");
        cart
    }

    pub(crate) fn delete(&self, user: Uuid, uri: &str) -> u16 {
        self.call(user, Method::DELETE, uri, &Value::Null).0
    }
}

fn answer(outages: &Outages, jwks: &Value, url: &str) -> Result<Reply, CallError> {
    if url == "http://user/user/jwks" {
        return reply(200, jwks.clone());
    }
    if let Some(skus) = url.strip_prefix("http://product/product?sku=") {
        if outages.product.load(Ordering::SeqCst) {
            return reply(503, json!({"code": "unavailable"}));
        }
        let items: Vec<_> = skus.split(',').filter_map(product).collect();
        return reply(200, json!({"items": items, "next_page_token": null}));
    }
    if let Some(sku) = url.strip_prefix("http://inventory/items/") {
        if outages.inventory.load(Ordering::SeqCst) {
            return Err(CallError::Lost("the call timed out".into()));
        }
        let available = if sku == "A" { 10 } else { 5 };
        return if sku == "F" {
            reply(404, json!({"code": "not_found"}))
        } else {
            reply(
                200,
                json!({"sku": sku, "on_hand": 12, "reserved": 2, "available": available}),
            )
        };
    }
    Err(CallError::NotSent(format!("{url} was not expected")))
}
