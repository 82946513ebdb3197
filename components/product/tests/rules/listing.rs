//! Tests of lists, searches and page tokens.

use http::Method;
use product::domain::Release;
use serde_json::{Value, json};

use crate::shop::{Shop, sorted};

#[test]
fn a_new_shop_lists_every_product_once_sorted_by_name() {
    let shop = Shop::without_dependencies(Release::V1);
    for limit in [1, 7, 100] {
        let names = shop.list_all(&format!("/product?limit={limit}"), "name");
        assert_eq!(names.len(), 66);
        assert!(
            names
                .windows(2)
                .all(|pair| product::text::sort_key(&pair[0]) <= product::text::sort_key(&pair[1]))
        );
        assert_eq!(
            sorted(names.clone()),
            sorted(shop.list_all("/product?limit=100", "name"))
        );
    }
    let categories: std::collections::BTreeSet<_> = shop
        .list_all("/product?limit=100", "category")
        .into_iter()
        .collect();
    assert_eq!(categories.len(), 6);
    let (_, page) = shop.get("/product?limit=100");
    let unpriced = page["items"].as_array().unwrap().iter();
    assert_eq!(unpriced.filter(|p| p["price"].is_null()).count(), 1);
}

#[test]
fn the_stock_and_the_catalogue_of_a_new_shop_have_the_same_skus() {
    let shop = Shop::without_dependencies(Release::V1);
    let stock: Vec<Value> =
        serde_json::from_str(include_str!("../../../inventory/stock.json")).unwrap();
    let stock = stock
        .iter()
        .map(|s| s["sku"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        sorted(shop.list_all("/product?limit=100", "sku")),
        sorted(stock)
    );
}

#[test]
fn a_list_and_a_search_can_be_limited_to_one_category() {
    let shop = Shop::without_dependencies(Release::V1);
    let names = shop.list_all("/product?category=tea&limit=4", "name");
    assert_eq!(names.len(), 11);
    for (release, found) in [
        (Release::V1, ["OUT-005", "OUT-001"]),
        (Release::V2, ["OUT-001", "OUT-005"]),
    ] {
        let shop = Shop::without_dependencies(release);
        assert_eq!(
            shop.list_all("/product?category=outdoor&q=te&limit=1", "sku"),
            found,
            "in the category outdoor, the search for `te` must find the tent and the headlamp for tents, and no teas"
        );
    }
    assert_eq!(shop.list_all("/product?category=cheese", "name"), [""; 0]);
}

#[test]
fn a_search_requires_every_word_and_treats_the_last_word_as_a_prefix() {
    let shop = Shop::without_dependencies(Release::V1);
    let find = |q: &str| shop.list_all(&format!("/product?q={q}&limit=2"), "sku");
    assert_eq!(find("cast+iron"), ["KIT-004", "TEA-009"]);
    assert_eq!(find("IRON+T%C3%89apo"), ["TEA-009"]);
    assert_eq!(
        find("iro+teapot"),
        [""; 0],
        "only the last word of a search may be a prefix"
    );
    assert_eq!(find("cast+sleeping"), [""; 0]);
    assert_eq!(find("nowhere+iron"), [""; 0]);
    assert_eq!(find("iron+t"), ["TEA-009"], "one letter is a valid prefix");
    assert_eq!(find("kit-004"), ["KIT-004"]);
    assert_eq!(find("atlas"), ["BOK-011"]);
    for release in [Release::V1, Release::V2] {
        let found = Shop::without_dependencies(release).list_all("/product?q=te&limit=3", "name");
        assert_eq!(
            sorted(found),
            sorted(shop.list_all("/product?q=te&limit=100", "name"))
        );
    }
}

#[test]
fn v1_sorts_results_by_name_and_v2_puts_hits_in_the_name_before_hits_in_the_text() {
    let (v1, v2) = (
        Shop::without_dependencies(Release::V1),
        Shop::without_dependencies(Release::V2),
    );
    let found = |shop: &Shop, q: &str| shop.list_all(&format!("/product?q={q}&limit=1"), "sku");
    // COF-008 is a hand grinder, and only its text contains the word "espresso". COF-004 is the house espresso, whose name contains
    // the word.
    assert_eq!(
        found(&v1, "espresso"),
        ["COF-008", "COF-004"],
        "by name, the hand grinder comes before the house espresso"
    );
    assert_eq!(found(&v2, "espresso"), ["COF-004", "COF-008"]);
    let both = found(&v2, "oak");
    assert_eq!(
        both.first().unwrap(),
        "KIT-003",
        "KIT-003, the oak cutting board, has the word oak in its name"
    );
    assert_eq!(sorted(both), sorted(found(&v1, "oak")));
    // In a search for two words, the first result is a product that contains the two words in its name.
    assert_eq!(found(&v2, "steel+bu")[..1], ["COF-008"]);
    assert_eq!(
        sorted(found(&v2, "tea+l")),
        sorted(found(&v1, "tea+l")),
        "both releases must find the same products"
    );
}

#[test]
fn a_page_token_is_valid_only_for_the_list_that_issued_it() {
    let (v1, v2) = (
        Shop::without_dependencies(Release::V1),
        Shop::without_dependencies(Release::V2),
    );
    let token = |shop: &Shop, uri: &str| {
        let (_, page) = shop.get(uri);
        page["next_page_token"].as_str().unwrap().to_owned()
    };
    let lists = [
        "/product?limit=1",
        "/product?limit=1&category=tea",
        "/product?limit=1&category=coffee",
        "/product?limit=1&q=tea",
        "/product?limit=1&q=te",
        "/product?limit=1&q=tea&category=tea",
    ];
    for from in lists {
        let token = token(&v1, from);
        for to in lists {
            let (status, answer) = v1.get(&format!("{to}&page_token={token}"));
            assert_eq!(status, if from == to { 200 } else { 400 }, "{from} {to}");
            if from != to {
                assert_eq!(answer["code"], "bad_page_token");
            }
        }
        // The two releases sort lists in the same way, but sort search results differently. So a token of a list is valid in the
        // other release, and a token of a search is not.
        let (status, _) = v2.get(&format!("{from}&page_token={token}"));
        assert_eq!(
            status,
            if from.contains("q=") { 400 } else { 200 },
            "{from}"
        );
    }
    for bad in ["x", "", "eyJsaXN0IjoiYWxsIiwiYXQiOm51bGx9", "e30"] {
        assert_eq!(
            v1.get(&format!("/product?page_token={bad}")).0,
            400,
            "{bad}"
        );
    }
}

#[test]
fn a_list_by_sku_has_one_page_and_leaves_out_unknown_skus() {
    let shop = Shop::without_dependencies(Release::V1);
    assert_eq!(
        shop.list_all("/product?sku=TEA-002,COF-001,NO-1,TEA-002", "sku"),
        ["TEA-002", "COF-001"]
    );
    for bad in [
        "sku=",
        "sku=A,,B",
        "sku=A%20B",
        "sku=A&q=tea",
        "sku=A&limit=1",
        &format!("sku={}", ["A"; 101].join(",")),
    ] {
        let (status, problem) = shop.get(&format!("/product?{bad}"));
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("bad_sku")),
            "{bad}"
        );
    }
}

#[test]
fn an_error_names_the_bad_parameter() {
    let shop = Shop::without_dependencies(Release::V1);
    for (uri, status, word) in [
        ("/product?q=%21%3F", 400, "q: `!?`"),
        ("/product?limit=0", 400, "limit: `0`"),
        ("/product?sort=price", 400, "`sort`"),
        ("/product/NO-1", 404, "`NO-1`"),
        (
            "/product/019b76da-a800-71f9-9f94-ae97655f93b3",
            404,
            "019b76da",
        ),
        ("/product/COF-001?x=1", 400, "`x`"),
        ("/product/COF-001/reviews", 404, "no route"),
    ] {
        let (got, problem) = shop.get(uri);
        assert_eq!(got, status, "{uri}: {problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{uri}: {problem}"
        );
    }
    let (status, _) = shop.send(Method::DELETE, "/product/COF-001", &[], &Value::Null);
    assert_eq!(status, 405);
}
