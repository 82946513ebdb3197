//! The Spin entry point.
#![expect(unsafe_code, reason = "what the SDK's macro expands to")]

use std::cell::Cell;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stoa_service::component::{SpinSqlite, WasiHttp, serve, variable};
use stoa_service::route;

use crate::config::Config;
use crate::http::{App, ROUTES, SERVICE};
use crate::store::SCHEMA;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let mut after = None;
    serve(SERVICE, request, out, |request| {
        let app = App {
            config: Config::read(&variable)?,
            db: Box::new(SpinSqlite::open(&SCHEMA)?),
            outbound: Box::new(WasiHttp),
            news: Cell::new(false),
        };
        let context = request.context().clone();
        let response = route::dispatch(ROUTES, &app, request);
        after = Some((app, context));
        Ok(response)
    })
    .await;
    // The carrier has its answer: a slow notification costs it nothing.
    if let Some((app, context)) = after {
        app.after_the_answer(&context);
    }
}
