//! Pushes to Docker's own registry, over HTTP, with and without passwords. `tools/istio-plugins` tests that Istio fetches
//! what was pushed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a fixture that fails is to fail the test that uses it"
)]

mod docker;

use std::path::Path;
use std::sync::{Arc, Mutex};

use stoa_filter_image::{
    Credentials, Destination, Image, Labels, Module, Progress, PushError, Pushed, push,
};

use docker::Registry;

/// A module with an empty function, exported under the name by which Envoy recognises a filter. It also has a section of
/// 1,000,000 meaningless bytes that do not compress, so that sending takes several pieces.
fn module() -> Module {
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x1b\x01\x17proxy_abi_version_0_2_1\0\0\
        \x0a\x04\x01\x02\0\x0b\0\xc1\x84\x3d\0"
        .to_vec();
    let noise = (0..1_000_000).scan(1_u64, |state, _| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Some((*state >> 56) as u8)
    });
    bytes.extend(noise);
    Module::new(bytes).unwrap()
}

fn image(version: &str) -> Image {
    let labels = Labels::new("payment-fault", Some(version), None, []).unwrap();
    Image::pack(&module(), &labels).unwrap()
}

/// Collects every progress report.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<(usize, usize)>>>);

impl Reports {
    fn progress(&self) -> Progress {
        let reports = Arc::clone(&self.0);
        Arc::new(move |sent, total| reports.lock().unwrap().push((sent, total)))
    }

    fn seen(&self) -> Vec<(usize, usize)> {
        self.0.lock().unwrap().clone()
    }
}

fn send(image: &Image, to: &str, by: &Credentials, reports: &Reports) -> Result<Pushed, PushError> {
    let to = Destination::new(to, false).unwrap();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(push(image, &to, by, reports.progress()))
}

/// The credentials for the registry from a `config.json` with this content.
fn login(registry: &Registry, auths: &str) -> Credentials {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let config = format!(r#"{{"auths":{{"{}":{auths}}}}}"#, registry.address);
    std::fs::write(&path, config).unwrap();
    Credentials::read(&path, &registry.address).unwrap()
}

fn ada(registry: &Registry) -> Credentials {
    login(registry, r#"{"username":"ada","password":"s3cret"}"#)
}

#[test]
fn the_registry_has_the_image_under_its_tag_and_its_digest() {
    let registry = Registry::open();
    let (image, reports) = (image("0.1.0"), Reports::default());
    let to = format!("{}/shop/payment-fault:0.1.0", registry.address);
    let pushed = send(&image, &to, &Credentials::none(), &reports).unwrap();
    assert_eq!(
        pushed,
        Pushed {
            url: format!("oci://{to}"),
            sha256: image.digest().trim_start_matches("sha256:").to_owned(),
            was_there: false,
        }
    );

    let manifests = format!(
        "http://{}/v2/shop/payment-fault/manifests",
        registry.address
    );
    for name in ["0.1.0", image.digest()] {
        let mut answer = ureq::get(format!("{manifests}/{name}"))
            .header("Accept", "application/vnd.oci.image.manifest.v1+json")
            .call()
            .unwrap();
        assert_eq!(answer.headers()["Docker-Content-Digest"], image.digest());
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(
            text.contains(r#""org.opencontainers.image.version":"0.1.0""#),
            "{text}"
        );
    }

    let reports = reports.seen();
    let (last, total) = *reports.last().unwrap();
    assert_eq!(last, total);
    assert!(reports.len() > 3, "{reports:?}");
    assert!(reports.is_sorted() && reports.iter().all(|report| report.1 == total));
}

#[test]
fn what_is_there_is_not_sent_again() {
    let registry = Registry::open();
    let none = Credentials::none();
    let at = |tag: &str| format!("{}/shop/payment-fault:{tag}", registry.address);
    let first = send(&image("1"), &at("1"), &none, &Reports::default()).unwrap();

    let reports = Reports::default();
    let again = send(&image("1"), &at("1"), &none, &reports).unwrap();
    assert_eq!((again.was_there, &again.sha256), (true, &first.sha256));
    let tagged = send(&image("1"), &at("stable"), &none, &reports).unwrap();
    assert_eq!((tagged.was_there, &tagged.sha256), (false, &first.sha256));
    assert_eq!(reports.seen(), [], "no blob was sent");

    let moved = send(&image("2"), &at("stable"), &none, &Reports::default()).unwrap();
    assert_ne!(moved.sha256, first.sha256);
    let back = send(&image("1"), &at("stable"), &none, &Reports::default()).unwrap();
    assert_eq!((back.was_there, back.sha256), (false, first.sha256));
}

#[test]
fn whoever_the_registry_knows_may_push_and_nobody_else() {
    let registry = Registry::with_password();
    let to = format!("{}/payment-fault:1", registry.address);
    let refused = |by: &Credentials| {
        let error = send(&image("1"), &to, by, &Reports::default()).unwrap_err();
        assert!(matches!(error, PushError::Unauthorized { .. }), "{error:?}");
        error.to_string()
    };
    let text = refused(&login(
        &registry,
        r#"{"username":"ada","password":"guessed"}"#,
    ));
    for word in [&registry.address, "payment-fault", "as ada", "config.json"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
    assert!(!text.contains("guessed"), "{text}");
    let nowhere = Credentials::read(Path::new("/nowhere/config.json"), &registry.address).unwrap();
    let text = refused(&nowhere);
    assert!(
        text.contains("without credentials: there is no /nowhere/config.json"),
        "{text}"
    );

    let by = ada(&registry);
    assert!(
        !send(&image("1"), &to, &by, &Reports::default())
            .unwrap()
            .was_there
    );
    assert!(
        send(&image("1"), &to, &by, &Reports::default())
            .unwrap()
            .was_there
    );
}

#[test]
fn where_no_registry_answers_the_error_says_where_that_is() {
    // The port is bound at another address of this machine, so that no other process gets it meanwhile.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("127.0.0.2:{}", taken.local_addr().unwrap().port());
    let to = format!("{gone}/payment-fault:1");
    let error = send(&image("1"), &to, &Credentials::none(), &Reports::default()).unwrap_err();
    assert!(matches!(error, PushError::Unreachable { .. }), "{error:?}");
    assert!(
        error.to_string().contains(&format!("at {gone} over http")),
        "{error}"
    );
}

#[test]
fn whoever_answers_and_is_no_registry_refuses_the_image() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\nConnection: close\r\n\r\nno such page";
            // A HEAD has no body.
            let end = if request.starts_with(b"HEAD") {
                answer.len() - 12
            } else {
                answer.len()
            };
            stream.write_all(&answer.as_bytes()[..end]).unwrap();
            if length == 0 || request.starts_with(b"POST") {
                break;
            }
        }
    });
    let to = format!("{address}/payment-fault:1");
    let error = send(&image("1"), &to, &Credentials::none(), &Reports::default()).unwrap_err();
    let PushError::Refused { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(source.to_string().contains("404"), "{source}");
    server.join().unwrap();
}
