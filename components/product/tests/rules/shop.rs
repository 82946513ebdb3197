//! Helpers for the tests: a product service with fake dependencies.

use std::sync::Arc;

use http::Method;
use product::app::App;
use product::config::Config;
use product::domain::Release;

use product::store::SCHEMA;
use serde_json::Value;
use stoa_service::Service as _;
use stoa_service::outbound::{Call, CallError, Reply};
use stoa_service::params;
use stoa_service::route::Response;
use stoa_service::sql::Database as _;
use stoa_service::testing::{FakeOutbound, TestDatabase, request};

/// The id of the product with SKU COF-001.
pub(crate) const COFFEE: &str = "019b76da-a800-71f9-9f94-ae97655f93b2";

/// A product service of one release, with fake dependencies.
pub(crate) struct Shop {
    pub(crate) database: TestDatabase,
    pub(crate) outbound: Arc<FakeOutbound>,
    pub(crate) release: Release,
}

impl Shop {
    pub(crate) fn new(
        release: Release,
        answers: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        Self {
            database,
            outbound: Arc::new(FakeOutbound::new(answers)),
            release,
        }
    }

    /// Creates a shop whose dependencies are all down.
    pub(crate) fn without_dependencies(release: Release) -> Self {
        Self::new(release, |_| Err(CallError::NotSent("down".into())))
    }

    pub(crate) fn send(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Response) {
        let config = Config::read(&|name| {
            name.strip_suffix("_url")
                .map(|service| format!("http://{service}"))
        });
        let app = App {
            config: config.unwrap(),
            db: Box::new(self.database.connect()),
            outbound: Box::new(Arc::clone(&self.outbound)),
            release: self.release,
        };
        let request = request(App::NAME, method, uri, headers, &body.to_string());
        let response = app.answer(request);
        assert_eq!(
            response.headers()["x-shop-version"],
            <&str>::from(self.release),
            "{uri}"
        );
        (response.status().as_u16(), response)
    }

    pub(crate) fn get(&self, uri: &str) -> (u16, Value) {
        let (status, response) = self.send(Method::GET, uri, &[], &Value::Null);
        (status, serde_json::from_slice(response.body()).unwrap())
    }

    /// Reads all pages of a list, and returns the member `name` of every item.
    pub(crate) fn list_all(&self, uri: &str, name: &str) -> Vec<String> {
        let (mut found, mut next) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.get(&format!("{uri}{next}"));
            assert_eq!(status, 200, "{page}");
            found.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|i| i[name].as_str().unwrap().to_owned()),
            );
            match page["next_page_token"].as_str() {
                Some(token) => next = format!("&page_token={token}"),
                None => return found,
            }
        }
    }

    pub(crate) fn sql(&self, statement: &str, value: i64) {
        let db = self.database.connect();
        db.execute(statement, params![value]).unwrap();
    }
}

pub(crate) fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
