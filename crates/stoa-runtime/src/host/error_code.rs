//! `http-error-code`: why a body broke off.
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, IoError};

use super::state::HostState;

/// wasmtime-wasi-http's own `http-error-code` finds only errors that it made itself, none of those that [`Error`] stands for. This one
/// takes its place.
pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap(
        "http-error-code",
        |store: StoreContextMut<'_, HostState>, (error,): (Resource<IoError>,)| {
            let error = store.data().table().get(&error)?;
            let code = error.downcast_ref::<ErrorCode>().cloned();
            Ok((code.or_else(|| error.downcast_ref().map(error_code)),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Only what a body fails with: errors of whole requests take another way.
fn error_code(error: &Error) -> ErrorCode {
    match error {
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::HttpRequestBodySize(size) => ErrorCode::HttpRequestBodySize(*size),
        Error::HttpResponseBodySize(size) => ErrorCode::HttpResponseBodySize(*size),
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        _ => ErrorCode::HttpProtocolError,
    }
}
