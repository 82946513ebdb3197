//! All services with one SQLite database, connected without a network. Every request and response, from outside or between
//! services, is checked against the OpenAPI documents.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use api::Contract;
use http::{HeaderMap, HeaderValue, Method};
use product::domain::Release;
use serde_json::Value;
use shop_pricing::testing::Rules;
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::route::Response;
use stoa_service::sql::{Database, Schema};
use stoa_service::testing::TestDatabase;
use stoa_service::{Request, Service, time};

/// The connected services. All clones share one shop.
#[derive(Clone)]
pub(crate) struct Mesh(Rc<Shop>);

struct Shop {
    database: TestDatabase,
    shop: Contract,
    partners: Contract,
    release: Cell<Release>,
    /// The operation and the status of each response so far, as `METHOD /path/{parameter} STATUS`.
    responses: RefCell<BTreeSet<String>>,
}

/// The response to one request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Mesh {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Shop {
            database: TestDatabase::new(),
            shop: Contract::shop().unwrap(),
            partners: Contract::partners().unwrap(),
            release: Cell::new(Release::V1),
            responses: RefCell::default(),
        }))
    }

    /// Sets the release of the product service.
    pub(crate) fn set_release(&self, release: Release) {
        self.0.release.set(release);
    }

    /// The operations of both documents that have not sent a response with a status below 400 so far.
    pub(crate) fn operations_without_success(&self) -> Vec<String> {
        let responses = self.0.responses.borrow();
        let operations = self.0.shop.operations().into_iter();
        operations
            .chain(self.0.partners.operations())
            .map(|operation| operation.name())
            .filter(|name| {
                !(200..400).any(|status| responses.contains(&format!("{name} {status}")))
            })
            .collect()
    }

    /// Sends a request to `service`, as a caller outside the shop does.
    pub(crate) fn call(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let call = Call {
            method,
            url: format!("http://{service}{path}"),
            headers: map,
            body: body.to_vec(),
            timeout: std::time::Duration::from_secs(30),
        };
        let reply = self.send(call).unwrap();
        Answer {
            status: reply.status.as_u16(),
            body: serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
        }
    }

    fn db(&self, schema: &Schema) -> Box<dyn Database> {
        let db = self.0.database.connect();
        schema.ensure(&db).unwrap();
        Box::new(db)
    }

    fn outbound(&self) -> Box<dyn Outbound> {
        Box::new(self.clone())
    }

    fn dispatch(&self, service: &str, request: http::Request<Vec<u8>>) -> Response {
        let outbound = self.outbound();
        match service {
            "cart" => {
                let app = cart::app::App {
                    config: cart::config::Config::read(&variable).unwrap(),
                    db: self.db(&cart::store::SCHEMA),
                    outbound,
                    prices: Box::new(Rules),
                };
                app.answer(Request::new("cart", request))
            }
            "inventory" => {
                let app = inventory::app::App {
                    config: inventory::config::Config::read(&variable).unwrap(),
                    db: self.db(&inventory::store::SCHEMA),
                };
                let request = Request::new("inventory", request);
                app.answer(request)
            }
            "notification" => {
                let app = notification::app::App {
                    config: notification::config::Config::read(&variable).unwrap(),
                    db: self.db(&notification::store::SCHEMA),
                    outbound,
                    deliveries_due: Cell::new(false),
                };
                let request = Request::new("notification", request);
                let context = request.context().clone();
                let response = app.answer(request);
                app.after_response(&context);
                response
            }
            "order" => {
                let app = order::app::App {
                    config: order::config::Config::read(&variable).unwrap(),
                    db: self.db(&order::store::SCHEMA),
                    outbound,
                    prices: Box::new(Rules),
                    clock: Box::new(time::now),
                    on_fail_point: Box::new(|_| {}),
                    outbox_dirty: Cell::new(false),
                };
                let request = Request::new("order", request);
                let context = request.context().clone();
                let response = app.answer(request);
                app.after_response(&context);
                response
            }
            "partners" => {
                let app = partners::app::App {
                    config: partners::config::Config::read(&variable).unwrap(),
                    db: self.db(&partners::store::SCHEMA),
                    outbound,
                };
                let request = Request::new("partners", request);
                app.answer(request)
            }
            "payment" => {
                let app = payment::app::App {
                    config: payment::config::Config::read(&variable).unwrap(),
                    db: self.db(&payment::store::SCHEMA),
                    outbound,
                };
                let request = Request::new("payment", request);
                app.answer(request)
            }
            "product" => {
                let app = product::app::App {
                    config: product::config::Config::read(&variable).unwrap(),
                    db: self.db(&product::store::SCHEMA),
                    outbound,
                    release: self.0.release.get(),
                };
                app.answer(Request::new("product", request))
            }
            "shipping" => {
                let app = shipping::app::App {
                    config: shipping::config::Config::read(&variable).unwrap(),
                    db: self.db(&shipping::store::SCHEMA),
                    outbound,
                    outbox_dirty: Cell::new(false),
                };
                let request = Request::new("shipping", request);
                let context = request.context().clone();
                let response = app.answer(request);
                app.after_response(&context);
                response
            }
            "storefront" => {
                let app = storefront::app::App {
                    config: storefront::config::Config::read(&variable).unwrap(),
                    outbound,
                };
                let request = Request::new("storefront", request);
                app.answer(request)
            }
            "user" => {
                let app = user::app::App {
                    config: user::config::Config::read(&variable).unwrap(),
                    db: self.db(&user::store::SCHEMA),
                    passwords: Box::new(user::password::Argon2id),
                    clock: Box::new(time::now),
                };
                app.answer(Request::new("user", request))
            }
            other => panic!("there is no service {other}"),
        }
    }

    fn check_against_document(&self, service: &str, call: &Call, path: &str, response: &Response) {
        let method = &call.method;
        let contract = match service {
            "partners" => &self.0.partners,
            _ => &self.0.shop,
        };
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap())
        };
        let Some(operation) = contract.find(method.as_str(), path) else {
            assert!(
                [404, 405].contains(&status),
                "{method} {path} -> {status}: not documented"
            );
            return;
        };
        assert_eq!(operation.tag(), Some(service), "{method} {path}");
        contract
            .check_answer(
                method.as_str(),
                path,
                status,
                header("content-type"),
                response.body(),
            )
            .unwrap();
        let name = operation.name();
        assert!(header("x-request-id").is_some(), "{name}");
        if service != "storefront" {
            assert_eq!(header("x-shop-version").is_some(), service == "product");
        }
        // Callers need `retry-after` to know when to retry, and `www-authenticate` to know how to log in.
        assert!(status != 503 || header("retry-after").is_some(), "{name}");
        assert!(
            status != 401 || header("www-authenticate").is_some(),
            "{name}"
        );
        if status < 400 && !call.body.is_empty() {
            // The document must permit every body that a service accepts.
            let kind = call.headers["content-type"].to_str().unwrap();
            let kinds = operation.object.pointer("/requestBody/content");
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            match kinds {
                Some(kinds) => contract.check(&kinds[kind]["schema"], &body).unwrap(),
                None => assert_eq!(
                    body,
                    serde_json::json!({}),
                    "{name}: no request body is documented"
                ),
            }
        }
        let response = format!("{name} {status}");
        self.0.responses.borrow_mut().insert(response);
    }
}

impl Outbound for Mesh {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        let uri: http::Uri = call.url.parse().unwrap();
        let service = uri.host().unwrap();
        let mut request = http::Request::new(call.body.clone());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri.path_and_query().unwrap().as_str().parse().unwrap();
        *request.headers_mut() = call.headers.clone();
        let response = self.dispatch(service, request);
        self.check_against_document(service, &call, uri.path(), &response);
        let (parts, body) = response.into_parts();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}

fn variable(name: &str) -> Option<String> {
    match name.strip_suffix("_url") {
        Some("pim" | "processor" | "carrier" | "courier" | "sms") => {
            Some("http://partners".to_owned())
        }
        Some("webhook") => Some("http://shipping".to_owned()),
        Some(service) => Some(format!("http://{service}")),
        None => (name == "carrier_secret").then(|| "a secret".to_owned()),
    }
}
