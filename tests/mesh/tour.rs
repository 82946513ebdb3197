//! docs/tour.md, command by command, on a shop where it was taken before.

use std::process::Command;

use serde_json::Value;
use stoa_testkit::{Shop, ShopOptions, workspace};

/// The commands of the tour for this shop, and then a list of the customer's orders.
fn script(shop: &Shop) -> String {
    let text = std::fs::read_to_string(workspace().join("docs/tour.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    // Canaries have a test of their own, and a scenario is for the state folder of `make up`.
    let left_out = |block: &&str| block.contains("split()") || block.contains("make scenario");
    let blocks: Vec<_> = blocks.filter(|block| !left_out(block)).collect();
    let state = shop.state_dir().display().to_string();
    let text = blocks
        .concat()
        .replace("http://127.0.0.1:8080", shop.gateway().base())
        .replace("\"$@\"", &format!("\"$@\" --state-dir {state}"))
        .replace(".stoa/", &format!("{state}/"));
    let list = r#"curl -s "$SHOP/order?limit=50" -H "authorization: Bearer $TOKEN""#;
    format!("{text}\necho\n{list}\n")
}

/// Takes the tour, and says how many orders the customer has then.
fn take(script: &str) -> usize {
    let mut command = Command::new("bash");
    let output = command
        .current_dir(workspace())
        .args(["-c", script])
        .output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    let list: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    list["items"].as_array().unwrap().len()
}

#[test]
fn the_tour_makes_new_orders_each_time_it_is_taken() {
    let shop = Shop::start(ShopOptions::mesh());
    let script = script(&shop);
    let orders = script.matches("\norder ").count();
    assert!(orders >= 5, "{script}");
    assert_eq!(take(&script), orders);
    assert_eq!(take(&script), 2 * orders);
}
