//! The shop's artifact, pushed to Docker's registry, pulled again, and run by the embedded runtime.

use std::sync::Arc;

use serde_json::json;
use stoa_image::{Credentials, Destination, PushError, Pushed, push};
use stoa_manifest::{LoadOptions, load};
use stoa_runtime::{AppOptions, Runtime, RuntimeConfig, ServeOptions, serve, tokio_runtime};
use stoa_testkit::{Client, Registry, workspace};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::artifact::{Artifact, component};
use crate::shop::packed;
use crate::small::{MANIFEST, folder, pack_in};
use crate::written::write;

fn send(
    packed: &stoa_app_image::PackedApp,
    to: &str,
    credentials: &Credentials,
) -> Result<Pushed, PushError> {
    let to = Destination::new(to, false).unwrap();
    let quiet = Arc::new(|_, _| {});
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(push(&packed.image, &to, credentials, quiet))
}

/// Runs the application of an artifact, and calls `customer` with a client for it.
fn run(artifact: &Artifact, customer: impl FnOnce(&Client)) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(artifact, folder.path());
    // A cart needs only these components. With fewer components, the test compiles less.
    let components = ["product", "cart", "user", "inventory", "partners"];
    let options = LoadOptions {
        components: Some(components.map(str::to_owned).to_vec()),
        ..LoadOptions::default()
    };
    let app = load(&manifest, &options).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(app.components.values().all(|c| c.dependencies.is_empty()));
    let config = RuntimeConfig {
        cache_dir: Some(workspace().join("target/stoa-cache")),
        ..RuntimeConfig::new(folder.path().join("state"))
    };
    let runtime = Runtime::new(config).unwrap();
    let app = runtime.load(&app, AppOptions::default()).unwrap();
    let tokio = tokio_runtime(Some(2)).unwrap();
    let listener = tokio.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio.spawn(serve(listener, app, ServeOptions::default(), async {
        let _ = stopped.await;
    }));
    customer(&Client::new(format!("http://{address}")));
    let _ = stop.send(());
    tokio.block_on(server).unwrap();
}

#[test]
fn a_pulled_shop_lists_its_products_and_computes_the_total_of_a_cart() {
    let registry = Registry::open();
    let packed = packed();
    let to = format!("{}/stoa/shop:0.1.0", registry.address);
    let pushed = send(&packed, &to, &Credentials::none()).unwrap();
    assert_eq!(pushed.digest, packed.image.digest());
    let pulled = Artifact::pull(&registry.address, "stoa/shop", "0.1.0");
    let by_digest = Artifact::pull(&registry.address, "stoa/shop", packed.image.digest());
    assert_eq!(pulled.manifest, by_digest.manifest);
    assert_eq!(pulled.manifest, Artifact::of(&packed).manifest);

    run(&pulled, |shop| {
        let products = shop.get("/product?limit=100").send().expect(200).json;
        assert!(products["items"].as_array().unwrap().len() >= 60);
        let tea = shop.get("/product/TEA-001").send().expect(200).json;
        let price = tea["price"]["amount"].as_i64().unwrap();

        let login = json!({"email": "ann@example.com", "password": "correct horse battery"});
        let mut account = login.clone();
        account["name"] = json!("Ann");
        let register = shop.post("/user/register").json(&account);
        let _ = register.send().expect(201);
        let token = shop
            .post("/user/login")
            .json(&login)
            .send()
            .expect(200)
            .json;
        let token = token["access_token"].as_str().unwrap();
        let add = shop.put("/cart/items/TEA-001").bearer(token);
        let _ = add.json(&json!({"quantity": 3})).send().expect(200);
        // `cart` contains `pricing`, which computes the total.
        let cart = shop.get("/cart").bearer(token).send().expect(200).json;
        assert_eq!(
            cart["total"],
            json!({"amount": 3 * price, "currency": "EUR"})
        );
    });
}

#[test]
fn a_registry_that_rejects_the_credentials_is_named_in_the_error() {
    let registry = Registry::with_password();
    let packed = pack_in(&folder(MANIFEST)).unwrap();
    let to = format!("{}/stoa/notes:1", registry.address);
    let error = send(&packed, &to, &Credentials::none()).unwrap_err();
    assert!(matches!(error, PushError::Unauthorized { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains(&registry.address) && text.contains("stoa/notes"),
        "{text}"
    );
}

#[test]
fn a_changed_component_is_the_only_component_that_is_sent_again() {
    let registry = Registry::open();
    let folder = folder(&format!(
        "{MANIFEST}[component.other]\nsource = \"other.wasm\"\n"
    ));
    let to = |tag: &str| format!("{}/stoa/notes:{tag}", registry.address);
    let first = send(&pack_in(&folder).unwrap(), &to("1"), &Credentials::none()).unwrap();
    let again = send(&pack_in(&folder).unwrap(), &to("1"), &Credentials::none()).unwrap();
    assert_eq!(
        (again.already_present, &again.digest),
        (true, &first.digest)
    );

    std::fs::copy(
        folder.path().join("other.wasm"),
        folder.path().join("notes.wasm"),
    )
    .unwrap();
    let changed = send(&pack_in(&folder).unwrap(), &to("2"), &Credentials::none()).unwrap();
    assert_ne!(changed.digest, first.digest);
    let pull = |tag: &str| Artifact::pull(&registry.address, "stoa/notes", tag).app();
    let digest = |app: &serde_json::Value, id: &str| component(app, id)["source"].clone();
    assert_eq!(digest(&pull("1"), "other"), digest(&pull("2"), "other"));
    assert_ne!(digest(&pull("1"), "notes"), digest(&pull("2"), "notes"));
}
