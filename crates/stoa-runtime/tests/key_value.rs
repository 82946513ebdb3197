//! The interface `fermyon:spin/key-value`.
use bytes::Bytes;
use http::Method;

use crate::support::{Running, Setup};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "stores"
[[trigger.http]]
route = { private = true }
component = "second"
[component.stores]
source = "{guest-key-value}"
key_value_stores = ["default"]
[component.second]
source = "{guest-key-value}"
key_value_stores = ["second"]
"#;

fn put(app: &Running, path: &str, value: &'static [u8]) -> u16 {
    let answer = app.wait(app.send(Method::PUT, path, Bytes::from_static(value)));
    answer.status.as_u16()
}

#[test]
fn sets_gets_lists_and_deletes_keys() {
    let app = Setup::new(MANIFEST).start();
    assert_eq!(app.get("/default/a").status, 404);
    assert_eq!(put(&app, "/default/a", &[0, 255]), 200);
    assert_eq!(put(&app, "/default/a", b"two"), 200);
    assert_eq!(put(&app, "/default/b", b""), 200);
    assert_eq!(app.get("/default/a").text(), "two");
    assert_eq!(app.get("/default/b").status, 200);
    assert_eq!(app.get("/default").text(), "a,b");
    assert_eq!(
        app.wait(app.send(Method::HEAD, "/default/a", Bytes::new()))
            .status,
        200
    );
    assert_eq!(
        app.wait(app.send(Method::DELETE, "/default/a", Bytes::new()))
            .status,
        200
    );
    assert_eq!(
        app.wait(app.send(Method::HEAD, "/default/a", Bytes::new()))
            .status,
        404
    );
    assert_eq!(app.get("/default").text(), "b");
}

#[test]
fn rejects_stores_that_were_not_granted() {
    let app = Setup::new(MANIFEST).start();
    assert_eq!(app.get("/second/x").text(), "Error::AccessDenied");
    assert_eq!(app.get("/third/x").text(), "Error::AccessDenied");
}

#[test]
fn keeps_values_over_a_restart() {
    let app = Setup::new(MANIFEST).start();
    assert_eq!(put(&app, "/default/kept", b"here"), 200);
    let folder = app.restart_folder();
    let mut setup = Setup::new(MANIFEST);
    setup.folder = folder;
    let app = setup.start();
    assert_eq!(app.get("/default/kept").text(), "here");
}
