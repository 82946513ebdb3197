//! The entry point that Spin calls for each request.
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use std::cell::Cell;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stoa_service::component::{WasiHttp, open_database, serve, variable};

use crate::app::App;
use crate::config::Config;
use crate::store::SCHEMA;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let open = || {
        Ok(App {
            config: Config::read(&variable)?,
            db: open_database(&SCHEMA)?,
            outbound: Box::new(WasiHttp),
            deliveries_due: Cell::new(false),
        })
    };
    serve(request, out, open).await;
}
