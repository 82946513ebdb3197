//! Tests `stoa up --watch`: components are rebuilt while the application runs.

use std::time::Duration;

use stoa_testkit::{Shop, ShopOptions, wait_until, workspace};

use crate::fixture::Fixture;

const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_component_is_rebuilt_when_its_source_changes_and_serves_the_next_request() {
    let fixture = Fixture::new();
    let built = |name: &str| workspace().join("target/wasm32-wasip2/release").join(name);
    let manifest = std::fs::read_to_string(fixture.path("spin.toml")).unwrap();
    let manifest = manifest.replace(
        &built("guest_hello.wasm").display().to_string(),
        "hello.wasm",
    );
    let manifest = format!("{manifest}\n[component.hello.build]\ncommand = \"sh build.sh\"\n");
    fixture.write("spin.toml", &manifest);
    // The list of sources, in the format of the dependency file that cargo writes beside its output.
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

    // This build fails. The previous build of the component stays in use, and the log reports the failure.
    fixture.write("source.txt", "2");
    wait_until(DEADLINE, "the build that fails", || {
        shop.log().contains("hello was not built")
    });
    assert!(shop.log().contains("exit status: 7"), "{}", shop.log());
    assert_eq!(answer().expect(200).text(), "hello");

    // This build succeeds, but the new component cannot run. The previous build of the component stays in use.
    fixture.write("build.sh", "echo nonsense > hello.wasm");
    fixture.write("source.txt", "3");
    wait_until(DEADLINE, "a component that cannot run", || {
        shop.log()
            .contains("the new build of component hello cannot run")
    });
    assert_eq!(answer().expect(200).text(), "hello");

    // The build succeeds.
    let next = built("guest_trouble.wasm");
    fixture.write(
        "build.sh",
        &format!("cp {} new && mv new hello.wasm", next.display()),
    );
    fixture.write("source.txt", "4");
    wait_until(DEADLINE, "the new component", || {
        shop.log().contains("component hello was reloaded")
    });
    assert_ne!(answer().text(), "hello");
}
