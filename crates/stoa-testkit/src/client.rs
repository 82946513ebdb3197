//! A blocking HTTP client for one address. A response with an error status is not an error; only a broken connection is an error.

use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::Value;

/// Timeout of a request. It is longer than every timeout of the server, so that the client receives the server's response even to a
/// slow request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A function that checks a response. The arguments are the request's method, the request's path with its query, and the response.
/// The error describes what is wrong in the response. An example is [`crate::contract()`].
pub type Check = fn(&str, &str, &Answer) -> Result<(), String>;

/// A client for one base address. Clones are cheap, share connections, and may be used from many threads.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    agent: ureq::Agent,
    check: Option<Check>,
}

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    agent: ureq::Agent,
    check: Option<Check>,
    method: String,
    base: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The body as JSON, `Null` if it is not JSON.
    pub json: Value,
}

impl Client {
    /// Creates a client for a base address such as `http://127.0.0.1:8080`.
    pub fn new(base: impl Into<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self {
            base: base.into(),
            agent: config.new_agent(),
            check: None,
        }
    }

    /// Checks every response, and panics if a response fails the check.
    #[must_use]
    pub fn checked_by(self, check: Check) -> Self {
        Self {
            check: Some(check),
            ..self
        }
    }

    /// The base address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Creates a request with any method to `path`, which begins with `/`.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request {
            agent: self.agent.clone(),
            check: self.check,
            method: method.to_owned(),
            base: self.base.clone(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Creates a GET request.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// Creates a POST request.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// Creates a PUT request.
    pub fn put(&self, path: &str) -> Request {
        self.request("PUT", path)
    }

    /// Creates a PATCH request.
    pub fn patch(&self, path: &str) -> Request {
        self.request("PATCH", path)
    }

    /// Creates a DELETE request.
    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }
}

impl Request {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the header `Authorization: Bearer` with this token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(value.to_string())
    }

    /// Sets a body of any type.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request and reads the whole response.
    ///
    /// # Errors
    /// If no complete response arrives.
    #[track_caller]
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        let method = Method::from_bytes(self.method.as_bytes()).map_err(http::Error::from)?;
        let mut builder = http::Request::builder()
            .method(method)
            .uri(format!("{}{}", self.base, self.path));
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let mut response = if self.body.is_empty() {
            self.agent.run(builder.body(())?)?
        } else {
            self.agent.run(builder.body(self.body)?)?
        };
        let body = response
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_to_vec()?;
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
            json,
        };
        if let Some(Err(fault)) = self
            .check
            .map(|check| check(&self.method, &self.path, &answer))
        {
            panic!("the response does not match the OpenAPI document: {fault}");
        }
        Ok(answer)
    }

    /// Sends the request and reads the whole response; panics if no complete response arrives.
    #[track_caller]
    pub fn send(self) -> Answer {
        let request = format!("{} {}{}", self.method, self.base, self.path);
        match self.try_send() {
            Ok(answer) => answer,
            Err(error) => panic!("{request}: {error}"),
        }
    }
}

impl Answer {
    /// A header's value; `None` if the header is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the response if it has this status, and panics with its body and headers otherwise.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{:?}", self.text(), self.headers);
        self
    }
}
