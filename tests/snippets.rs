//! The commands of the services' READMEs, of the shop's own page and of docs/tour.md. Each works after every other one, on a shop
//! that has been used before.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that fails is to fail the test that uses it"
)]

mod auditing;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use auditing::sound;
use serde_json::{Value, json};
use stoa_testkit::{SERVICES, Shop, ShopOptions, wait_until, workspace};

/// Recovery passes run every few seconds.
const SOON: Duration = Duration::from_secs(120);

/// A snippet's file, and its commands.
struct Snippet {
    from: String,
    commands: String,
}

/// The fenced or indented blocks of a README that call curl.
fn of_readme(path: &Path) -> impl Iterator<Item = Snippet> {
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
    let from = path.display().to_string();
    blocks
        .into_iter()
        .filter(|block| block.contains("curl "))
        .map(move |commands| Snippet {
            from: from.clone(),
            commands,
        })
}

/// The command block of the shop's page.
fn of_page(shop: &Shop) -> Snippet {
    let page = shop.gateway().get("/shop/").send().expect(200).text();
    let (_, rest) = page.split_once("<pre>").unwrap();
    let (commands, _) = rest.split_once("</pre>").unwrap();
    Snippet {
        from: "/shop/".to_owned(),
        commands: commands.replace("&amp;", "&").replace("&lt;", "<"),
    }
}

/// Expected errors of a snippet: it ran before, or it contains a placeholder.
fn is_expected(from: &str, code: &str) -> bool {
    match code {
        "email_taken" => true,
        "stock_changed" => from.contains("inventory"),
        "not_found" => from.contains("shipping"),
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
    assert!(output.status.success(), "{}: {errors}", snippet.from);
    if text.starts_with("<!doctype html>") {
        return;
    }
    let answers: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect();
    let answers = answers.unwrap_or_else(|error| panic!("{}: {error}: {text}", snippet.from));
    assert!(!answers.is_empty(), "{}: no answer", snippet.from);
    for answer in answers {
        if let Some(code) = answer["code"].as_str() {
            assert!(
                is_expected(&snippet.from, code),
                "{}: {answer}",
                snippet.from
            );
        }
    }
}

#[test]
fn every_snippet_works_after_every_other_one_and_leaves_no_breach() {
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

    let mut snippets = vec![of_page(&shop)];
    for service in SERVICES.iter().copied().chain(["storefront", "pricing"]) {
        let readme = workspace()
            .join("components")
            .join(service)
            .join("README.md");
        let before = snippets.len();
        snippets.extend(of_readme(&readme));
        assert!(snippets.len() > before, "{service} shows a command");
    }
    for snippet in snippets.iter().chain(snippets.iter().rev()) {
        run(&shop, token, snippet);
    }

    sound(&shop);
}

/// All commands of the tour, for a shop with another state folder.
fn tour(shop: &Shop) -> String {
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
        // The manifests decline 10 % of the orders.
        (
            "stoa fault set payment reset",
            "stoa fault set payment off".to_owned(),
        ),
    ];
    for (place, value) in replaced {
        assert!(commands.contains(place), "the tour has no {place}");
        commands = commands.replace(place, &value);
    }
    commands
}

#[test]
fn the_tour_can_be_taken_again_on_the_same_shop() {
    let shop = Shop::start(ShopOptions::mesh());
    let commands = tour(&shop);
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
        let made = list.expect(200).json["items"].as_array().unwrap().len();
        assert_eq!(made, round * orders, "new orders each time");
    }
    wait_until(SOON, "the orders that are pending to end", || {
        let pending = shop
            .operator()
            .get("/internal/orders?status=pending")
            .send();
        pending.expect(200).json["items"] == json!([])
    });
    sound(&shop);
}
