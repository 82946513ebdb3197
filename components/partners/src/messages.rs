//! The courier (e-mail) and the SMS gateway: they take messages, one per `Idempotency-Key`, and keep them to be read.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use stoa_service::page::{self, Page};
use stoa_service::problem::Problem;
use stoa_service::request::Request;
use stoa_service::route::{Answer, json};
use stoa_service::sql::transaction;
use stoa_service::time::{self, rfc3339};
use stoa_service::{id, params, text};
use uuid::Uuid;

use crate::http::App;
use crate::script::played;
use crate::store::{check_text, keep_key, key};

const COURIER: &str = "courier";
const SMS: &str = "sms";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mail {
    to: String,
    subject: String,
    body: String,
}

pub(crate) fn send_mail(app: &App, request: &Request) -> Answer {
    played(app, COURIER, || {
        request.query([])?;
        request.idempotency_key()?;
        let mail: Mail = request.json()?;
        check_text("to", &mail.to, 320)?;
        if !mail.to.contains('@') {
            return Err(Problem::invalid(format!(
                "to: `{}` is not an e-mail address",
                text::shorten(&mail.to)
            )));
        }
        check_text("subject", &mail.subject, 998)?;
        check_text("body", &mail.body, 100_000)?;
        keep(
            app,
            request,
            COURIER,
            &mail.to,
            Some(&mail.subject),
            &mail.body,
        )
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sms {
    to: String,
    body: String,
}

pub(crate) fn send_sms(app: &App, request: &Request) -> Answer {
    played(app, SMS, || {
        request.query([])?;
        let sms: Sms = request.json()?;
        let digits = sms.to.strip_prefix('+').unwrap_or_default();
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Problem::invalid(format!(
                "to: `{}` is not `+` and 7 to 15 digits (E.164)",
                text::shorten(&sms.to)
            )));
        }
        check_text("body", &sms.body, 1600)?;
        keep(app, request, SMS, &sms.to, None, &sms.body)
    })
}

/// Keeps the message. Without a key (SMS takes that) each request is a message of its own.
fn keep(
    app: &App,
    request: &Request,
    channel: &str,
    to: &str,
    subject: Option<&str>,
    body: &str,
) -> Answer {
    let key = match request.header("idempotency-key") {
        Some(_) => Some(key(channel, request)?),
        None => None,
    };
    let db = &*app.db;
    let message_id: Option<Uuid> = transaction(db, channel, || {
        if let Some(key) = &key {
            keep_key(db, key)?;
        }
        let new = id::new();
        db.execute(
            "INSERT INTO partners_messages (message_id, channel, key, recipient, subject, body, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (channel, key) DO NOTHING",
            params![
                new,
                channel,
                key.as_ref().map(|k| k.key),
                to,
                subject,
                body,
                time::now()
            ],
        )?;
        let kept = match &key {
            None => Some(new),
            Some(key) => db
                .execute(
                    "SELECT message_id FROM partners_messages WHERE channel = $1 AND key = $2",
                    params![channel, key.key],
                )?
                .one(|row| row.get(0))?,
        };
        Ok::<_, Problem>(kept)
    })?;
    json(
        StatusCode::ACCEPTED,
        &serde_json::json!({"message_id": message_id}),
    )
}

#[derive(Serialize)]
struct Message {
    message_id: Uuid,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    body: String,
    at: String,
}

pub(crate) fn mails(app: &App, request: &Request) -> Answer {
    list(app, request, COURIER)
}

pub(crate) fn texts(app: &App, request: &Request) -> Answer {
    list(app, request, SMS)
}

/// What was taken, oldest first; of one recipient if `to` says so. An oracle of the tests: never scripted.
fn list(app: &App, request: &Request, channel: &str) -> Answer {
    let [to, limit, token] = request.query(["to", "limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    let rows = match &to {
        Some(to) => app.db.execute(
            "SELECT message_id, recipient, subject, body, at FROM partners_messages
             WHERE channel = $1 AND recipient = $2 AND message_id > $3 ORDER BY message_id LIMIT $4",
            params![channel, to, &after, limit + 1],
        )?,
        None => app.db.execute(
            "SELECT message_id, recipient, subject, body, at FROM partners_messages
             WHERE channel = $1 AND message_id > $2 ORDER BY message_id LIMIT $3",
            params![channel, &after, limit + 1],
        )?,
    };
    let messages = rows.map(|row| {
        Ok(Message {
            message_id: row.get(0)?,
            to: row.get(1)?,
            subject: row.get(2)?,
            body: row.get(3)?,
            at: rfc3339(row.get(4)?),
        })
    })?;
    json(
        StatusCode::OK,
        &Page::new(messages, limit, |m| m.message_id),
    )
}
