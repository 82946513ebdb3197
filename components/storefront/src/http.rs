//! Routes, decoding, the headers of a page, and the one match from error to status and page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stoa_service::route::{Answer, Response, Route};
use stoa_service::{Problem, Request, Service, log};

use crate::app::App;
use crate::domain::Search;
use crate::error::Error;
use crate::{page, picture};

/// `Retry-After` while product is down, in seconds: a person reads the page before they try again.
const RETRY_AFTER: u32 = 5;

impl Service for App {
    const NAME: &'static str = "storefront";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/", redirect_to_shop),
        Route::new(Method::GET, "/shop", redirect_to_shop),
        Route::new(Method::GET, "/shop/", products),
        Route::new(Method::GET, "/shop/images/{file}", image),
    ];
}

/// The page for an error. A person reads it, so it is HTML and not a problem document.
fn error_page(error: &Error, request: &Request) -> Response {
    match error {
        Error::SearchRejected(reason) => html(
            StatusCode::BAD_REQUEST,
            page::message("This search is not possible", reason),
        ),
        Error::Peer(error) => {
            let fields = json!({"status": 503, "path": request.path(), "error": error.to_string()});
            log::error(request.context(), "product does not answer", fields);
            let text =
                "The products cannot be shown at the moment. Please try again in a few seconds.";
            let mut response = html(
                StatusCode::SERVICE_UNAVAILABLE,
                page::message("We will be right back", text),
            );
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
            response
        }
    }
}

fn redirect_to_shop(_: &App, _: &Request) -> Answer {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::from_static("/shop/");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn products(app: &App, request: &Request) -> Answer {
    let [q, category, page_token] = request.query(["q", "category", "page_token"])?;
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let search = Search {
        q: filled(q),
        category: filled(category),
        page_token: filled(page_token),
    };
    let found = match app.product(request.context()).products(&search) {
        Ok(found) => found,
        Err(error) => return Ok(error_page(&error, request)),
    };
    let mut response = html(StatusCode::OK, page::products(&search, &found));
    let version = found.version.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(version)) = version {
        let name = HeaderName::from_static("x-shop-version");
        response.headers_mut().insert(name, version);
    }
    Ok(response)
}

fn image(_: &App, request: &Request) -> Answer {
    request.query([])?;
    let file = request.param("file");
    let sku = picture::sku(file).ok_or_else(|| {
        Problem::not_found(format!(
            "file: `{}` is not <sku>.svg",
            stoa_service::text::shorten(file)
        ))
    })?;
    let mut response = Response::new(picture::svg(&sku).into_bytes());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn html(status: StatusCode, page: String) -> Response {
    let mut response = Response::new(page.into_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        // The content depends on the release that the router chose.
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let digest = STANDARD.encode(Sha256::digest(page::STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
