//! A blocking HTTP client for one address. Every status is a response; only a broken connection is a failure.

use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::Value;

/// Longer than every timeout of the server, so that the server's own response to a slow request arrives.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Checks a response to a method and a path with its query; the error states what is wrong. See [`crate::contract()`].
pub type Check = fn(&str, &str, &Answer) -> Result<(), String>;

/// A client for one base address. Cheap to clone; clones share connections and may be used from many threads.
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
    /// The status, 200.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The body as JSON, `Null` if it is not JSON.
    pub json: Value,
}

impl Client {
    /// A client for `base`, `http://127.0.0.1:8080`.
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

    /// Checks every response; one that fails the check panics.
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

    /// A request of any method to `path`, which begins with `/`.
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

    /// A GET.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// A POST.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// A PUT.
    pub fn put(&self, path: &str) -> Request {
        self.request("PUT", path)
    }

    /// A PATCH.
    pub fn patch(&self, path: &str) -> Request {
        self.request("PATCH", path)
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }
}

impl Request {
    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(value.to_string())
    }

    /// With any body.
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
            panic!("not as documented: {fault}");
        }
        Ok(answer)
    }

    /// Sends the request and reads the whole response; panics if no complete one arrives.
    #[track_caller]
    pub fn send(self) -> Answer {
        let what = format!("{} {}{}", self.method, self.base, self.path);
        match self.try_send() {
            Ok(answer) => answer,
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

impl Answer {
    /// A header's value, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, whatever its type.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Panics with the whole response unless it has this status; returns the response.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{:?}", self.text(), self.headers);
        self
    }
}
