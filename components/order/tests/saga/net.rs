//! The simulated network between `order` and the other services. It forwards calls to the real services, or fails as the test
//! configures.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;

use serde_json::{Value, json};
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::testing::reply;
use stoa_service::{Request, Service};
use uuid::Uuid;

use crate::world::{World, ann};

/// What the simulated network does to a call that the service `order` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Forwards the call to the called service.
    None,
    /// Refuses the connection, so the call is not sent.
    NotSent,
    /// Forwards the call to the called service and loses the response.
    AnswerLost,
    /// Loses the call before it reaches the called service. The service `order` cannot distinguish this fault from a lost response.
    CallLost,
    /// A proxy answers with this status, and the called service does not get the call.
    Status(u16),
    /// A fault filter answers with a decline, and the called service does not get the call.
    Declined,
    /// The called service handles the call, but the response is lost. A proxy then retries the call, and a fault filter answers the
    /// retry with a decline. The service `order` gets only this decline.
    AnswerLostThenDeclined,
    /// The service `order` dies before it sends the call.
    CrashBefore,
    /// The service `order` dies after the called service handled the call.
    CrashAfter,
}

pub(crate) type Faults = dyn Fn(&Call, usize) -> Fault + Send + Sync;

/// The panic payload that stands for the death of the process.
pub(crate) struct Dead;

/// The network for the calls that one request causes.
pub(crate) struct Net {
    pub(crate) world: Arc<World>,
    pub(crate) from_order: bool,
}

impl Net {
    /// Delivers the call to the called service and returns the response.
    pub(crate) fn deliver(world: &Arc<World>, call: &Call) -> Result<Reply, CallError> {
        let rest = call.url.strip_prefix("http://").unwrap();
        let slash = rest.find('/').unwrap();
        let (host, path) = rest.split_at(slash);
        let request = |service: &'static str| {
            let mut request = http::Request::new(call.body.clone());
            *request.method_mut() = call.method.clone();
            *request.uri_mut() = path.parse().unwrap();
            *request.headers_mut() = call.headers.clone();
            request
                .headers_mut()
                .entry("content-type")
                .or_insert(http::HeaderValue::from_static("application/json"));
            Request::new(service, request)
        };
        let inner = || {
            Box::new(Net {
                world: world.clone(),
                from_order: false,
            })
        };
        let response = match host {
            "inventory" => {
                let app = inventory::app::App {
                    config: inventory::config::Config::read(&|_| None).unwrap(),
                    db: Box::new(world.inventory.connect()),
                };
                app.answer(request("inventory"))
            }
            "payment" => {
                let app = payment::app::App {
                    config: payment::config::Config::read(&|_| Some("http://partners".into()))
                        .unwrap(),
                    db: Box::new(world.payment.connect()),
                    outbound: inner(),
                };
                app.answer(request("payment"))
            }
            "partners" => {
                let app = partners::app::App {
                    config: partners::config::Config::read(&|name| {
                        Some(match name {
                            "carrier_secret" => "secret".into(),
                            _ => "http://shipping".to_owned(),
                        })
                    })
                    .unwrap(),
                    db: Box::new(world.partners.connect()),
                    outbound: inner(),
                };
                app.answer(request("partners"))
            }
            "shipping" => {
                let app = shipping::app::App {
                    config: shipping::config::Config::read(&|name| {
                        Some(match name {
                            "carrier_secret" => "secret".into(),
                            "notification_url" => "http://notification".into(),
                            _ => "http://partners".to_owned(),
                        })
                    })
                    .unwrap(),
                    db: Box::new(world.shipping.connect()),
                    outbound: inner(),
                    outbox_dirty: Cell::new(false),
                };
                let request = request("shipping");
                let context = request.context().clone();
                let response = app.answer(request);
                app.after_response(&context);
                response
            }
            "user" if path == "/user/me" => {
                return reply(200, world.profile.lock().unwrap().clone());
            }
            "user" => return reply(200, world.issuer.jwks()),
            "product" => {
                let items: Vec<_> = path
                    .strip_prefix("/product?sku=")
                    .unwrap()
                    .split(',')
                    .filter_map(|sku| {
                        let price = match sku {
                            "A" => json!({"amount": 1999, "currency": "EUR"}),
                            "B" => json!({"amount": 5, "currency": "EUR"}),
                            "UNPRICED" => Value::Null,
                            _ => return None,
                        };
                        Some(json!({"product_id": Uuid::nil(), "sku": sku, "name": format!("the {sku}"), "price": price}))
                    })
                    .collect();
                return reply(200, json!({"items": items, "next_page_token": null}));
            }
            "cart" => {
                let mut carts = world.carts.lock().unwrap();
                if let Some(path) = path.strip_prefix("/internal/carts/") {
                    let (user, query) = path.split_once('?').unwrap();
                    let cart = carts.entry(user.to_owned()).or_default();
                    cart.remove_ordered(query);
                    return reply(200, json!({"version": cart.version}));
                }
                let cart = carts.entry(ann().to_string()).or_default();
                let (version, items) = (cart.version, &cart.lines);
                return reply(
                    200,
                    json!({"version": version, "items": items, "total": null, "unpriced": []}),
                );
            }
            "notification" => {
                let event: Value = serde_json::from_slice(&call.body).unwrap();
                let id = event["id"].as_str().unwrap().to_owned();
                if event["source"] != "/stoa/order" {
                    return reply(202, json!({"id": id, "status": "accepted"}));
                }
                world.events.lock().unwrap().insert(id.clone(), event);
                return reply(202, json!({"id": id, "status": "accepted"}));
            }
            other => panic!("no service has the host {other}"),
        };
        let (parts, body) = response.into_parts();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}

/// The decline with which the filter payment-fault answers instead of the service `payment`.
fn declined() -> Result<Reply, CallError> {
    reply(
        402,
        json!({"code": "payment_declined", "detail": "injected", "decline_code": "injected_fault"}),
    )
}

impl Outbound for Net {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        if !self.from_order || call.url.contains("/user/jwks") {
            return Self::deliver(&self.world, &call);
        }
        let faults = self.world.faults.lock().unwrap().clone();
        let before = {
            let mut calls = self.world.calls.lock().unwrap();
            let path = call.url.strip_prefix("http://").unwrap();
            let words: Vec<_> = path
                .split(['/', '?'])
                .map(|part| match part.len() {
                    36 | 45 => "*",
                    _ => part,
                })
                .collect();
            calls.push(format!("{} {}", call.method, words.join("/")));
            calls.len() - 1
        };
        let lost = || CallError::Lost("the test lost the call or its response".into());
        match faults(&call, before) {
            Fault::None => Self::deliver(&self.world, &call),
            Fault::NotSent => Err(CallError::NotSent("refused".into())),
            Fault::AnswerLost => {
                let _ = Self::deliver(&self.world, &call);
                Err(lost())
            }
            Fault::CallLost => Err(lost()),
            Fault::Status(status) => reply(status, json!({})),
            Fault::Declined => declined(),
            Fault::AnswerLostThenDeclined => {
                let _ = Self::deliver(&self.world, &call);
                declined()
            }
            Fault::CrashBefore => resume_unwind(Box::new(Dead)),
            Fault::CrashAfter => {
                let _ = Self::deliver(&self.world, &call);
                resume_unwind(Box::new(Dead))
            }
        }
    }
}
