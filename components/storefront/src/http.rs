//! Routes, and which headers a page needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stoa_service::outbound::Outbound;
use stoa_service::route::{Answer, Response, Route};
use stoa_service::{Problem, Request, Service, log};

use crate::config::Config;
use crate::ports::{self, Wanted};
use crate::{page, picture};

/// The component's name.
pub const SERVICE: &str = "storefront";
/// `Retry-After` while product is down, in seconds.
const RETRY_AFTER: u32 = 5;

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The way to product.
    pub outbound: Box<dyn Outbound>,
}

/// Every route of this component.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::GET, "/", to_the_shop),
    Route::new(Method::GET, "/shop", to_the_shop),
    Route::new(Method::GET, "/shop/", products),
    Route::new(Method::GET, "/shop/images/{file}", image),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;
}

fn to_the_shop(_: &App, _: &Request) -> Answer {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::from_static("/shop/");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn products(app: &App, request: &Request) -> Answer {
    let [q, category, page_token] = request.query(["q", "category", "page_token"])?;
    let given = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
    let wanted = Wanted {
        q: given(q),
        category: given(category),
        page_token: given(page_token),
    };
    let context = request.context();
    match ports::products(&*app.outbound, context, &app.config.product_url, &wanted) {
        Ok(ports::Answer::Found(found)) => {
            let mut response = html(StatusCode::OK, page::products(&wanted, &found));
            if let Some(version) = found.version {
                let name = HeaderName::from_static("x-shop-version");
                response.headers_mut().insert(name, version);
            }
            Ok(response)
        }
        Ok(ports::Answer::Refused(why)) => Ok(html(
            StatusCode::BAD_REQUEST,
            page::message("This cannot be looked for", &why),
        )),
        Err(error) => {
            let fields = json!({"status": 503, "path": request.path(), "error": error.to_string()});
            log::error(context, "product does not answer", fields);
            let text =
                "The products cannot be shown at the moment. Please try again in a few seconds.";
            let mut response = html(
                StatusCode::SERVICE_UNAVAILABLE,
                page::message("We will be right back", text),
            );
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
            Ok(response)
        }
    }
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
    let mut response = Response::new(picture::svg(sku).into_bytes());
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
        // What it shows depends on the release that the router chose.
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
