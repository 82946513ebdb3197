//! The lines that guests print.
use crate::support::Setup;
use bytes::Bytes;
use http::Method;
use stoa_runtime::Stream;

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "trouble"
[component.trouble]
source = "{guest-trouble}"
environment = { COLOR = "green" }
"#;

#[test]
fn lines_of_many_guests_stay_whole() {
    let app = Setup::new(MANIFEST).start();
    let printing: Vec<_> = (0..8)
        .map(|_| app.spawn(app.send(Method::GET, "/print?26", Bytes::new())))
        .collect();
    for request in printing {
        assert_eq!(app.wait(request).unwrap().text(), "printed");
    }
    let lines = app.printed.lines();
    assert_eq!(lines.len(), 8 * 26);
    for (component, stream, line) in lines {
        assert_eq!((component.as_str(), stream), ("trouble", Stream::Stdout));
        let letter = line.chars().next().unwrap();
        assert_eq!(line, String::from(letter).repeat(5_000) + "\n");
    }
}

#[test]
fn a_line_without_a_newline_is_passed_on_when_the_guest_ends() {
    let app = Setup::new(MANIFEST).start();
    assert_eq!(app.get("/half").status, 200);
    crate::support::until("the guest has ended", || !app.printed.lines().is_empty());
    assert_eq!(app.printed.lines()[0].2, "no newline\n");
}

#[test]
fn a_guest_gets_its_environment_but_no_files_and_no_sockets() {
    let app = Setup::new(MANIFEST).start();
    assert_eq!(app.get("/environment").text(), "COLOR=green\n");
    assert_eq!(app.get("/files").text(), "none");
    let socket = app.get("/socket");
    assert!(
        socket.text().starts_with("refused: Permission denied"),
        "{}",
        socket.text()
    );
}
