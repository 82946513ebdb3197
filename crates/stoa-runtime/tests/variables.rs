//! The interface `fermyon:spin/variables`.
use crate::support::Setup;

const MANIFEST: &str = r#"
[variables]
host = { default = "example.com" }
[[trigger.http]]
route = "/..."
component = "variables"
[component.variables]
source = "{guest-variables}"
[component.variables.variables]
url = "http://{{ host }}/x"
empty = ""
"#;

#[test]
fn resolves_a_variable_and_its_template() {
    let app = Setup::new(MANIFEST).start();
    assert_eq!(app.get("/?url").text(), "http://example.com/x");
    let empty = app.get("/?empty");
    assert_eq!((empty.status.as_u16(), empty.text()), (200, ""));
}

#[test]
fn an_undefined_name_and_an_invalid_name_have_different_errors() {
    let app = Setup::new(MANIFEST).start();
    // `host` is a variable of the application, which the component cannot read.
    assert_eq!(app.get("/?host").text(), r#"Error::Undefined("host")"#);
    assert_eq!(
        app.get("/?No-Name").text(),
        r#"Error::InvalidName("No-Name")"#
    );
}
