//! A blocking HTTP client for one address: any status is an answer, and only a broken connection a failure.

use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::Value;

/// Longer than any limit of the server, so that the server's own answer to a slow request is seen.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is wrong with an answer to a method and a path with its query. See [`crate::contract()`].
pub type Check = fn(&str, &str, &Answer) -> Result<(), String>;

/// Talks to one base address. Cheap to clone; clones share connections and may be used from many threads.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    agent: ureq::Agent,
    check: Option<Check>,
}

/// A request being put together.
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

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status, 200.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
    /// The body as JSON, `Null` if it is none.
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

    /// With every answer checked: one that does not pass panics.
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

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// What went wrong, if no whole answer came.
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

    /// Sends it and reads the whole answer; panics if none came.
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

    /// The body as text, whatever it is.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Panics with the whole answer unless it has this status; gives it back to go on with.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{:?}", self.text(), self.headers);
        self
    }
}
