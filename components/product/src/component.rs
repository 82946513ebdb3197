//! The Spin entry point.
#![expect(unsafe_code, reason = "what the SDK's macro expands to")]

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stoa_service::component::{WasiHttp, open_database, serve_with, variable};

use crate::config::Config;
use crate::domain::Release;
use crate::http::{App, SERVICE, answer, stamp};
use crate::store::SCHEMA;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let touch = |response: &mut _| stamp(Release::BUILT, response);
    serve_with(SERVICE, request, out, touch, |request| {
        let app = App {
            config: Config::read(&variable)?,
            db: open_database(&SCHEMA)?,
            outbound: Box::new(WasiHttp),
            release: Release::BUILT,
        };
        Ok(answer(&app, request))
    })
    .await;
}
