//! The Spin entry point.
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use std::cell::Cell;

use shop_pricing::Composed;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stoa_service::component::{WasiHttp, open_database, serve, variable};
use stoa_service::time;

use crate::app::App;
use crate::config::Config;
use crate::saga::steps;
use crate::store::SCHEMA;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let open = || {
        let config = Config::read(&variable)?;
        let fail_at = config.fail_at.clone();
        steps::check_fail_point(fail_at.as_ref())?;
        Ok(App {
            config,
            db: open_database(&SCHEMA)?,
            outbound: Box::new(WasiHttp),
            prices: Box::new(Composed),
            clock: Box::new(time::now),
            on_fail_point: Box::new(move |point| {
                if fail_at.as_ref() == Some(point) {
                    // Ends the component as the host ends it: no destructor runs, and nothing is written.
                    std::process::abort();
                }
            }),
            outbox_dirty: Cell::new(false),
        })
    };
    serve(request, out, open).await;
}
