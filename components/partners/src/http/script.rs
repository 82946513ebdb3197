//! The routes of the scripts.

use http::StatusCode;
use serde::Serialize;
use stoa_service::page::Page;
use stoa_service::route::{Answer, json, no_content};
use stoa_service::text::shorten;
use stoa_service::{Problem, Request};
use strum::VariantArray as _;

use crate::app::App;
use crate::domain::script::{Partner, Script};
use crate::store::scripts;

#[derive(Serialize)]
struct ScriptView {
    partner: Partner,
    #[serde(flatten)]
    script: Script,
}

fn partner(request: &Request) -> Result<Partner, Problem> {
    let word = request.param("partner");
    word.parse().map_err(|_| {
        let all: Vec<&str> = Partner::VARIANTS
            .iter()
            .map(|known| known.as_str())
            .collect();
        Problem::not_found(format!(
            "partner: `{}` is not one of {}",
            shorten(word),
            all.join(", ")
        ))
    })
}

pub(super) fn put(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let partner = partner(request)?;
    let script: Script = request.json()?;
    script.check()?;
    scripts::put(&*app.db, partner, &script)?;
    json(StatusCode::OK, &ScriptView { partner, script })
}

pub(super) fn delete(app: &App, request: &Request) -> Answer {
    request.query([])?;
    scripts::delete(&*app.db, partner(request)?)?;
    no_content()
}

pub(super) fn list(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let set = scripts::all(&*app.db)?;
    let script = |partner: Partner| {
        let found = set.iter().find(|(other, _)| *other == partner);
        found.map_or(Script::NONE, |(_, script)| *script)
    };
    let items = Partner::VARIANTS.iter().map(|partner| ScriptView {
        partner: *partner,
        script: script(*partner),
    });
    let page = Page {
        items: items.collect(),
        next_page_token: None,
    };
    json(StatusCode::OK, &page)
}
