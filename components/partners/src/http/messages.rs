//! The routes of the courier (e-mail) and the SMS gateway.

use http::StatusCode;
use serde_json::json;
use stoa_service::Request;
use stoa_service::page::Page;
use stoa_service::route::{Answer, json};

use super::requests::{PageRequest, idempotency_key};
use super::scripted::with_script;
use crate::app::App;
use crate::domain::messages::{Mail, TextMessage};
use crate::domain::script::Partner;
use crate::store::messages::{self, NewMessage};

pub(super) fn send_mail(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Courier, || {
        request.query([])?;
        request.idempotency_key()?;
        let mail: Mail = request.json()?;
        mail.check()?;
        let new = NewMessage {
            to: &mail.to,
            subject: Some(&mail.subject),
            body: &mail.body,
        };
        accept(app, request, Partner::Courier, new)
    })
}

pub(super) fn send_sms(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Sms, || {
        request.query([])?;
        let sms: TextMessage = request.json()?;
        sms.check()?;
        let new = NewMessage {
            to: &sms.to,
            subject: None,
            body: &sms.body,
        };
        accept(app, request, Partner::Sms, new)
    })
}

fn accept(app: &App, request: &Request, channel: Partner, new: NewMessage<'_>) -> Answer {
    let key = match request.header("idempotency-key") {
        Some(_) => Some(idempotency_key(channel, request)?),
        None => None,
    };
    let message_id = messages::store(&*app.db, channel, key.as_ref(), new)?;
    json(StatusCode::ACCEPTED, &json!({"message_id": message_id}))
}

pub(super) fn list_mails(app: &App, request: &Request) -> Answer {
    list(app, request, Partner::Courier)
}

pub(super) fn list_sms(app: &App, request: &Request) -> Answer {
    list(app, request, Partner::Sms)
}

/// Lists the accepted messages, oldest first: all, or the messages to the recipient `to`. Scripts never apply, because tests use
/// this list as the oracle.
fn list(app: &App, request: &Request, channel: Partner) -> Answer {
    let [to, limit, token] = request.query(["to", "limit", "page_token"])?;
    let PageRequest { after, limit } = PageRequest::read(limit, token)?;
    let found = messages::list(&*app.db, channel, to.as_deref(), &after, limit + 1)?;
    json(StatusCode::OK, &Page::new(found, limit, |m| m.message_id))
}
