//! The Spin entry point.
#![expect(
    unsafe_code,
    reason = "what the macros of the SDK and of wit-bindgen expand to"
)]

use std::cell::Cell;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stoa_service::component::{SpinSqlite, WasiHttp, serve, variable};
use stoa_service::{route, time};

use crate::config::Config;
use crate::http::{App, ROUTES, SERVICE};
use crate::prices::Composed;
use crate::store::SCHEMA;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let mut after = None;
    serve(SERVICE, request, out, |request| {
        let config = Config::read(&variable)?;
        let fail_at = config.fail_at;
        let app = App {
            config,
            db: Box::new(SpinSqlite::open(&SCHEMA)?),
            outbound: Box::new(WasiHttp),
            prices: Box::new(Composed),
            clock: Box::new(time::now),
            fail: Box::new(move |step, side| {
                if fail_at == Some((step, side)) {
                    // As the host would end it: nothing unwinds, nothing is written.
                    std::process::abort();
                }
            }),
            news: Cell::new(false),
        };
        let context = request.context().clone();
        let response = route::dispatch(ROUTES, &app, request);
        after = Some((app, context));
        Ok(response)
    })
    .await;
    // The customer has the answer: a slow notification costs them nothing.
    if let Some((app, context)) = after {
        app.after_the_answer(&context);
    }
}
