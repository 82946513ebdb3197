//! Components that are rebuilt while the application runs.

use std::time::Duration;

use stoa_testkit::{Shop, ShopOptions, wait_until, workspace};

use crate::fixture::Fixture;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_source_that_changes_is_built_and_answers_from_the_next_request_on() {
    let fixture = Fixture::new();
    let built = |name: &str| workspace().join("target/wasm32-wasip2/release").join(name);
    let manifest = std::fs::read_to_string(fixture.path("spin.toml")).unwrap();
    let manifest = manifest.replace(
        &built("guest_hello.wasm").display().to_string(),
        "hello.wasm",
    );
    let manifest = format!("{manifest}\n[component.hello.build]\ncommand = \"sh build.sh\"\n");
    fixture.write("spin.toml", &manifest);
    // The dependency file that cargo writes beside its output, with the sources.
    let source = fixture.path("source.txt");
    fixture.write(
        "hello.d",
        &format!(
            "{}: {}\n",
            fixture.path("hello.wasm").display(),
            source.display()
        ),
    );
    fixture.write("source.txt", "1");
    std::fs::copy(built("guest_hello.wasm"), fixture.path("hello.wasm")).unwrap();
    fixture.write("build.sh", "exit 7");

    let shop = Shop::start(ShopOptions {
        arguments: vec!["--watch".to_owned()],
        ..fixture.options()
    });
    let answer = || shop.gateway().get("/hello/x").send();
    assert_eq!(answer().expect(200).text(), "hello");

    // The build fails: the running component continues, and the log reports it.
    fixture.write("source.txt", "2");
    wait_until(SOON, "the build that fails", || {
        shop.log().contains("hello was not built")
    });
    assert!(shop.log().contains("exit status: 7"), "{}", shop.log());
    assert_eq!(answer().expect(200).text(), "hello");

    // The build makes a component that cannot run: same result.
    fixture.write("build.sh", "echo nonsense > hello.wasm");
    fixture.write("source.txt", "3");
    wait_until(SOON, "a component that cannot run", || {
        shop.log().contains("the new hello cannot run")
    });
    assert_eq!(answer().expect(200).text(), "hello");

    // The build succeeds.
    let next = built("guest_trouble.wasm");
    fixture.write(
        "build.sh",
        &format!("cp {} new && mv new hello.wasm", next.display()),
    );
    fixture.write("source.txt", "4");
    wait_until(SOON, "the new component", || {
        shop.log().contains("hello is new from the next request on")
    });
    assert_ne!(answer().text(), "hello");
}
