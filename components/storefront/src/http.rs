//! The HTTP interface: the routes, their handlers, the headers of a page, and the page for each error.

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

/// The value of `Retry-After` while the service `product` is down, in seconds. A person needs about this time to read the error
/// page.
const RETRY_AFTER_SECONDS: u32 = 5;

impl Service for App {
    const NAME: &'static str = "storefront";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/", redirect_to_shop),
        Route::new(Method::GET, "/shop", redirect_to_shop),
        Route::new(Method::GET, "/shop/", products),
        Route::new(Method::GET, "/shop/images/{file}", image),
    ];
}

/// Returns the page for an error. The page is HTML and not a problem document, because a person reads the page.
fn error_page(error: &Error, request: &Request) -> Response {
    match error {
        Error::SearchRejected(reason) => html(
            StatusCode::BAD_REQUEST,
            page::message_page("This search is not possible", reason),
        ),
        Error::Peer(error) => {
            let fields = json!({"status": 503, "path": request.path(), "error": error.to_string()});
            log::error(
                request.context(),
                "cannot get the products from the product service",
                fields,
            );
            let text = "Please try again in a few seconds.";
            let mut response = html(
                StatusCode::SERVICE_UNAVAILABLE,
                page::message_page("The products are not available at the moment", text),
            );
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
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
    let non_blank = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let search = Search {
        q: non_blank(q),
        category: non_blank(category),
        page_token: non_blank(page_token),
    };
    let found = match app.product(request.context()).products(&search) {
        Ok(found) => found,
        Err(error) => return Ok(error_page(&error, request)),
    };
    let mut response = html(StatusCode::OK, page::products_page(&search, &found));
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
    let sku = picture::sku_from_file_name(file).ok_or_else(|| {
        Problem::not_found(format!(
            "file: `{}` does not have the form <sku>.svg",
            stoa_service::text::shorten(file)
        ))
    })?;
    let mut response = Response::new(picture::draw(&sku).into_bytes());
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
        // No cache may store a page, because the content depends on the release of `product` that listed the products.
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
