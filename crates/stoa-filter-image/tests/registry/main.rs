//! Pushes images to Docker's own registry over HTTP, with and without passwords. `tools/istio-plugins` tests that Istio can pull a
//! pushed image.
#![expect(clippy::unwrap_used, reason = "an error in a fixture fails the test")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use stoa_filter_image::{Labels, Module, pack};
use stoa_image::{Credentials, Destination, Image, Progress, PushError, Pushed, push};
use stoa_testkit::Registry;

/// A module with an empty function, exported under the name by which Envoy recognizes a filter. A further section has 1,000,000
/// random bytes, which do not compress, so the blob is sent in several pieces.
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
    pack(&module(), &labels).unwrap()
}

/// Collects the progress reports of a push. Each report is the number of bytes sent, and the total number of bytes to send.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<(usize, usize)>>>);

impl Reports {
    fn progress(&self) -> Progress {
        let reports = Arc::clone(&self.0);
        Arc::new(move |sent, total| reports.lock().unwrap().push((sent, total)))
    }

    fn all(&self) -> Vec<(usize, usize)> {
        self.0.lock().unwrap().clone()
    }
}

fn send(
    image: &Image,
    to: &str,
    credentials: &Credentials,
    reports: &Reports,
) -> Result<Pushed, PushError> {
    let to = Destination::new(to, false).unwrap();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(push(image, &to, credentials, reports.progress()))
}

/// Reads credentials for the registry from a `config.json`, whose member `auths` contains the value `auths` for the registry.
fn credentials_from(registry: &Registry, auths: &str) -> Credentials {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let config = format!(r#"{{"auths":{{"{}":{auths}}}}}"#, registry.address);
    std::fs::write(&path, config).unwrap();
    Credentials::read(&path, &registry.address).unwrap()
}

fn credentials_of_ada(registry: &Registry) -> Credentials {
    credentials_from(registry, r#"{"username":"ada","password":"s3cret"}"#)
}

#[test]
fn a_pushed_image_is_available_by_tag_and_by_digest() {
    let registry = Registry::open();
    let (image, reports) = (image("0.1.0"), Reports::default());
    let to = format!("{}/shop/payment-fault:0.1.0", registry.address);
    let pushed = send(&image, &to, &Credentials::none(), &reports).unwrap();
    assert_eq!(
        pushed,
        Pushed {
            reference: to.clone(),
            digest: image.digest().to_owned(),
            already_present: false,
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

    let reports = reports.all();
    let (last, total) = *reports.last().unwrap();
    assert_eq!(last, total);
    assert!(reports.len() > 3, "{reports:?}");
    assert!(reports.is_sorted() && reports.iter().all(|report| report.1 == total));
}

#[test]
fn blobs_that_the_registry_has_are_not_sent_again() {
    let registry = Registry::open();
    let none = Credentials::none();
    let at = |tag: &str| format!("{}/shop/payment-fault:{tag}", registry.address);
    let first = send(&image("1"), &at("1"), &none, &Reports::default()).unwrap();

    let reports = Reports::default();
    let again = send(&image("1"), &at("1"), &none, &reports).unwrap();
    assert_eq!(
        (again.already_present, &again.digest),
        (true, &first.digest)
    );
    let tagged = send(&image("1"), &at("stable"), &none, &reports).unwrap();
    assert_eq!(
        (tagged.already_present, &tagged.digest),
        (false, &first.digest)
    );
    assert_eq!(reports.all(), [], "no blob was sent");

    let moved = send(&image("2"), &at("stable"), &none, &Reports::default()).unwrap();
    assert_ne!(moved.digest, first.digest);
    let back = send(&image("1"), &at("stable"), &none, &Reports::default()).unwrap();
    assert_eq!((back.already_present, back.digest), (false, first.digest));
}

#[test]
fn only_a_user_of_the_registry_may_push() {
    let registry = Registry::with_password();
    let to = format!("{}/payment-fault:1", registry.address);
    let refused = |credentials: &Credentials| {
        let error = send(&image("1"), &to, credentials, &Reports::default()).unwrap_err();
        assert!(matches!(error, PushError::Unauthorized { .. }), "{error:?}");
        error.to_string()
    };
    let text = refused(&credentials_from(
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
        text.contains("without credentials (/nowhere/config.json does not exist)"),
        "{text}"
    );

    let credentials = credentials_of_ada(&registry);
    assert!(
        !send(&image("1"), &to, &credentials, &Reports::default())
            .unwrap()
            .already_present
    );
    assert!(
        send(&image("1"), &to, &credentials, &Reports::default())
            .unwrap()
            .already_present
    );
}

#[test]
fn the_error_names_the_address_at_which_no_registry_responds() {
    // The test keeps the same port open on another address of this machine. So the system does not give this port to another
    // process meanwhile.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unreachable = format!("127.0.0.2:{}", taken.local_addr().unwrap().port());
    let to = format!("{unreachable}/payment-fault:1");
    let error = send(&image("1"), &to, &Credentials::none(), &Reports::default()).unwrap_err();
    assert!(matches!(error, PushError::Unreachable { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains(&format!("at {unreachable} over http")),
        "{error}"
    );
}

#[test]
fn a_server_that_is_not_a_registry_rejects_the_image() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\nConnection: close\r\n\r\nno such page";
            // The response to a HEAD request has no body.
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
