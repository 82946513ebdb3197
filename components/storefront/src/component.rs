//! The Spin entry point.
#![expect(unsafe_code, reason = "what the SDK's macro expands to")]

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
