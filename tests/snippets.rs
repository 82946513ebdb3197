//! Tests of the commands in the services' READMEs, on the shop's web page and in docs/tour.md. The commands must also work on a
//! shop that was used before, in any order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
)]

mod auditing;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use auditing::assert_sound;
use serde_json::{Value, json};
use stoa_testkit::{SERVICES, Shop, ShopOptions, wait_until, workspace};

/// Timeout for the recovery of pending orders, which a timer calls every few seconds.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(120);

/// Commands of a document.
struct Snippet {
    /// The path of the document.
    source: String,
    commands: String,
}

/// The code blocks of a README that call curl.
fn readme_snippets(path: &Path) -> impl Iterator<Item = Snippet> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks = vec![String::new()];
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            blocks.push(String::new());
        } else if fenced || line.starts_with("    ") {
            let block = blocks.last_mut().unwrap();
            block.push_str(line);
            block.push('\n');
        } else {
            blocks.push(String::new());
        }
    }
    let source = path.display().to_string();
    blocks
        .into_iter()
        .filter(|block| block.contains("curl "))
        .map(move |commands| Snippet {
            source: source.clone(),
            commands,
        })
}

/// The command block of the shop's web page.
fn page_snippet(shop: &Shop) -> Snippet {
    let page = shop.gateway().get("/shop/").send().expect(200).text();
    let (_, rest) = page.split_once("<pre>").unwrap();
    let (commands, _) = rest.split_once("</pre>").unwrap();
    Snippet {
        source: "/shop/".to_owned(),
        commands: commands.replace("&amp;", "&").replace("&lt;", "<"),
    }
}

/// True if the error is expected, because the snippet ran before or contains a placeholder.
fn is_expected(source: &str, code: &str) -> bool {
    match code {
        "email_taken" => true,
        "stock_changed" => source.contains("inventory"),
        "not_found" => source.contains("shipping"),
        _ => false,
    }
}

fn run(shop: &Shop, token: &str, snippet: &Snippet) {
    let commands = snippet
        .commands
        .replace("http://127.0.0.1:8080", shop.gateway().base());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &commands])
        .env("SHOP", shop.gateway().base())
        .env("OPERATOR", shop.operator().base())
        .env("TOKEN", token)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", snippet.source);
    if text.starts_with("<!doctype html>") {
        return;
    }
    let answers: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect();
    let answers = answers.unwrap_or_else(|error| panic!("{}: {error}: {text}", snippet.source));
    assert!(
        !answers.is_empty(),
        "{}: no JSON in the output",
        snippet.source
    );
    for answer in answers {
        if let Some(code) = answer["code"].as_str() {
            assert!(
                is_expected(&snippet.source, code),
                "{}: {answer}",
                snippet.source
            );
        }
    }
}

#[test]
fn every_snippet_works_after_every_other_snippet_and_the_audit_stays_sound() {
    let shop = Shop::start(ShopOptions::default());
    let ann =
        json!({"email": "ann@example.com", "password": "correct horse battery", "name": "Ann"});
    let _ = shop
        .gateway()
        .post("/user/register")
        .json(&ann)
        .send()
        .expect(201);
    let login = json!({"email": ann["email"], "password": ann["password"]});
    let token = shop
        .gateway()
        .post("/user/login")
        .json(&login)
        .send()
        .expect(200);
    let token = token.json["access_token"].as_str().unwrap();

    let mut snippets = vec![page_snippet(&shop)];
    for service in SERVICES.iter().copied().chain(["storefront", "pricing"]) {
        let readme = workspace()
            .join("components")
            .join(service)
            .join("README.md");
        let before = snippets.len();
        snippets.extend(readme_snippets(&readme));
        assert!(
            snippets.len() > before,
            "the README of {service} must have a command"
        );
    }
    for snippet in snippets.iter().chain(snippets.iter().rev()) {
        run(&shop, token, snippet);
    }

    assert_sound(&shop);
}

/// All commands of the tour, with the addresses and the state folder of the test's shop.
fn tour_commands(shop: &Shop) -> String {
    let state = shop.state_dir().display();
    let text = std::fs::read_to_string(workspace().join("docs/tour.md")).unwrap();
    let mut commands = String::new();
    for block in text.split("```sh\n").skip(1) {
        commands.push_str(block.split("```").next().unwrap());
    }
    let program = workspace().join("target/native/stoa");
    let stoa = format!(
        "stoa() {{ {} \"$@\" --state-dir {state}; }}",
        program.display()
    );
    let scenario = format!("scripts/generate-mesh --state-dir {state} --scenario ");
    let replaced = [
        (
            "SHOP=http://127.0.0.1:8080",
            format!("SHOP={}", shop.gateway().base()),
        ),
        ("stoa() { target/native/stoa \"$@\"; }", stoa),
        (".stoa/run.json", format!("{state}/run.json")),
        (".stoa/logs/", format!("{state}/logs/")),
        ("make scenario NAME=", scenario),
        // The test replaces `reset` with `off`, because `reset` would restore the manifests' faults, which decline 10 % of the
        // orders.
        (
            "stoa fault set payment reset",
            "stoa fault set payment off".to_owned(),
        ),
    ];
    for (original, value) in replaced {
        assert!(commands.contains(original), "the tour has no {original}");
        commands = commands.replace(original, &value);
    }
    commands
}

#[test]
fn the_tour_works_twice_on_the_same_shop() {
    let shop = Shop::start(ShopOptions::mesh());
    let commands = tour_commands(&shop);
    let orders = commands.matches("\norder ").count();
    assert!(orders >= 5, "{commands}");
    for (round, time) in [(1, "first"), (2, "second")] {
        let output = Command::new("bash")
            .args(["-euc", &commands])
            .current_dir(workspace())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the {time} time: {text}\n{errors}");
        for expected in [
            r#""status":"confirmed""#,
            r#""code":"forbidden""#,
            r#""status":"delivered""#,
            r#""code":"order_pending""#,
            "upstream_request_attempt_count\":4",
            "200 x-shop-version: v1",
        ] {
            assert!(
                text.contains(expected),
                "the {time} time: no {expected} in {text}"
            );
        }
        assert!(!text.contains(r#""status":500"#), "the {time} time: {text}");
        let list = shop.operator().get("/internal/orders?limit=100").send();
        let found = list.expect(200).json["items"].as_array().unwrap().len();
        assert_eq!(
            found,
            round * orders,
            "number of orders after the tour ran for the {time} time"
        );
    }
    wait_until(RECOVERY_TIMEOUT, "the end of all pending orders", || {
        let pending = shop
            .operator()
            .get("/internal/orders?status=pending")
            .send();
        pending.expect(200).json["items"] == json!([])
    });
    assert_sound(&shop);
}
