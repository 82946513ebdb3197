//! The entry point that Spin calls for each request.
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stoa_service::component::{WasiHttp, serve, variable};

use crate::app::App;
use crate::config::Config;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let open = || {
        Ok(App {
            config: Config::read(&variable)?,
            outbound: Box::new(WasiHttp),
        })
    };
    serve(request, out, open).await;
}
