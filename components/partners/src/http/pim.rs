//! The route of the PIM.

use http::StatusCode;
use stoa_service::Request;
use stoa_service::route::{Answer, json};

use super::scripted::with_script;
use crate::app::App;
use crate::domain::pim;
use crate::domain::script::Partner;

pub(super) fn show(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Pim, || {
        request.query([])?;
        json(StatusCode::OK, &pim::find(request.param("sku"))?)
    })
}
