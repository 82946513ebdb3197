//! Finds the handler for the method and the path of a request.

use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::problem::Problem;
use crate::request::{Request, decode};

/// A response with its whole body.
pub type Response = http::Response<Vec<u8>>;

/// The result of a handler.
pub type Answer = Result<Response, Problem>;

/// One route of a service. `A` is the service's application type.
pub struct Route<A: ?Sized> {
    method: Method,
    pattern: &'static str,
    handler: fn(&A, &Request) -> Answer,
}

impl<A: ?Sized> Route<A> {
    /// `pattern` is a path. Each of its segments is literal text or a parameter `{name}`.
    pub const fn new(
        method: Method,
        pattern: &'static str,
        handler: fn(&A, &Request) -> Answer,
    ) -> Self {
        Self {
            method,
            pattern,
            handler,
        }
    }

    /// The method and the pattern, for the test that compares the routes with the OpenAPI document.
    pub fn describe(&self) -> (&Method, &'static str) {
        (&self.method, self.pattern)
    }
}

/// Finds the route, calls its handler and turns a [`Problem`] into a response.
///
/// The response is 404 if no route has the path, and 405 with `Allow` if only routes with other methods have the path. `HEAD` is
/// served like `GET`, without the body.
pub fn dispatch<A: ?Sized>(routes: &[Route<A>], app: &A, mut request: Request) -> Response {
    let mut response = match find(routes, &request) {
        Ok((route, params)) => {
            request.params = params;
            (route.handler)(app, &request)
        }
        Err(problem) => Err(problem),
    }
    .unwrap_or_else(|problem| problem.into_response(request.context(), request.path()));
    if request.method() == Method::HEAD {
        response.body_mut().clear();
    }
    if let Ok(id) = HeaderValue::from_str(request.context().request_id()) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

type RouteMatch<'r, A> = (&'r Route<A>, Vec<(&'static str, String)>);

fn find<'r, A: ?Sized>(
    routes: &'r [Route<A>],
    request: &Request,
) -> Result<RouteMatch<'r, A>, Problem> {
    let method = if request.method() == Method::HEAD {
        &Method::GET
    } else {
        request.method()
    };
    let mut allowed: Vec<&str> = Vec::new();
    for route in routes {
        if let Some(params) = match_path(route.pattern, request.path()) {
            if route.method == *method {
                return Ok((route, params));
            }
            allowed.push(route.method.as_str());
        }
    }
    if allowed.is_empty() {
        return Err(Problem::not_found(format!(
            "path: there is no route for `{}`",
            crate::text::shorten(request.path())
        )));
    }
    let allowed = allowed.join(", ");
    Err(Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("method: {} is not one of {allowed}", request.method()),
    )
    .allow(allowed))
}

/// Returns the path parameters if `path` matches `pattern`. The path is split before its segments are decoded, so an encoded slash
/// does not split a segment.
fn match_path(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|e| e.strip_suffix('}')) {
            Some(name) => {
                let value = decode(segment)?;
                if value.is_empty() {
                    return None;
                }
                params.push((name, value));
            }
            None if expected == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(params)
}

/// A response with a JSON body. The body ends with a newline like Envoy's own responses, so each response has its own line in a
/// terminal.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    let mut body = serde_json::to_vec(body).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("cannot encode the response: {error}"),
        )
    })?;
    body.push(b'\n');
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// A response with status 204.
pub fn no_content() -> Answer {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct App;

    fn echo(_: &App, request: &Request) -> Answer {
        json(StatusCode::OK, &request.param("sku"))
    }

    const ROUTES: &[Route<App>] = &[
        Route::new(Method::GET, "/items/{sku}", echo),
        Route::new(Method::PUT, "/items/{sku}", echo),
        Route::new(Method::GET, "/items", echo),
    ];

    fn call(method: &str, path: &str) -> Response {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .body(Vec::new())
            .unwrap();
        dispatch(ROUTES, &App, Request::new("test", request))
    }

    #[test]
    fn decodes_a_parameter_after_splitting() {
        assert_eq!(call("GET", "/items/a%2Fb").body(), b"\"a/b\"\n");
    }

    #[test]
    fn answers_404_for_double_slashes_empty_parameters_and_longer_paths() {
        for path in [
            "//items",
            "/items/",
            "/items/a/b",
            "/item",
            "/items/%zz",
            "/items%2Fa",
        ] {
            assert_eq!(call("GET", path).status(), 404, "{path}");
        }
    }

    #[test]
    fn answers_405_with_the_allowed_methods() {
        let response = call("DELETE", "/items/a");
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, PUT");
        assert!(response.body().ends_with(b"}\n"));
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
    }

    #[test]
    fn answers_head_as_get_without_a_body() {
        let response = call("HEAD", "/items/a");
        assert_eq!(
            (response.status(), response.body().len()),
            (StatusCode::OK, 0)
        );
    }
}
