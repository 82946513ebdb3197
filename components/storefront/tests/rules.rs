//! Tests of the pages as a browser receives them. A fake replaces the service `product`, and each test configures the fake's
//! responses.
#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test, which is intended"
)]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stoa_service::Service;
use stoa_service::outbound::{Call, CallError, Reply};
use stoa_service::route::Response;
use stoa_service::testing::{FakeOutbound, reply, request};
use storefront::app::App;
use storefront::config::Config;

struct Shop(Arc<FakeOutbound>);

impl Shop {
    fn new(answers: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(FakeOutbound::new(answers)))
    }

    fn with(products: Value) -> Self {
        Self::new(move |_| {
            let mut answer = reply(200, products.clone())?;
            answer
                .headers
                .insert("x-shop-version", "v2".parse().unwrap());
            Ok(answer)
        })
    }

    fn get(&self, uri: &str) -> (u16, Response, String) {
        let app = App {
            config: Config::read(&|_| Some("http://product".to_owned())).unwrap(),
            outbound: Box::new(Arc::clone(&self.0)),
        };
        let headers = [("x-shop-version", "v2")];
        let response = app.answer(request(App::NAME, Method::GET, uri, &headers, ""));
        let page = String::from_utf8(response.body().clone()).unwrap();
        (response.status().as_u16(), response, page)
    }
}

fn product(name: &str) -> Value {
    json!({"product_id": "x", "sku": "COF-001", "name": name, "description": "Good.", "category": "coffee",
        "image": "/shop/images/cof-001.svg", "price": {"amount": 1290, "currency": "EUR"}, "available": 3})
}

fn page(items: Value) -> Value {
    json!({"items": items, "next_page_token": null})
}

#[test]
fn the_root_and_shop_paths_redirect_to_the_shop() {
    let shop = Shop::with(page(json!([])));
    for uri in ["/", "/shop"] {
        let (status, response, _) = shop.get(uri);
        assert_eq!(status, 303);
        assert_eq!(response.headers()["location"], "/shop/");
    }
    assert_eq!(shop.get("/shop/nothing").0, 404);
}

#[test]
fn a_page_lists_the_products_of_the_requested_release() {
    let shop = Shop::with(page(json!([product("Beans")])));
    let (status, response, page) = shop.get("/shop/");
    assert_eq!(status, 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    assert_eq!(response.headers()["x-shop-version"], "v2");
    for part in [
        "Beans",
        "12.90 EUR",
        "3 available",
        "src=\"/shop/images/cof-001.svg\"",
        "/user/login",
        "/cart",
        "/order",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(shop.0.sent(), ["GET http://product/product?limit=100"]);
    assert_eq!(shop.0.calls()[0].headers["x-shop-version"], "v2");
}

#[test]
fn a_page_marks_products_without_a_price_and_sold_out_products() {
    let mut unusual = product("Atlas");
    unusual["price"] = Value::Null;
    unusual["available"] = json!(0);
    let (.., page) = Shop::with(page(json!([unusual]))).get("/shop/");
    assert!(page.contains("Price on request") && page.contains("Sold out"));
}

#[test]
fn external_input_is_shown_as_text_and_never_as_markup() {
    let hostile = "\"><script>alert('1')</script>";
    let mut product = product(hostile);
    for name in ["sku", "description", "category", "image"] {
        product[name] = json!(hostile);
    }
    let mut list = page(
        json!([product, {"sku": "A", "name": "A", "description": "", "category": "c",
        "image": "//elsewhere.example/x.svg", "price": null}]),
    );
    list["next_page_token"] = json!(hostile);
    let query = "%22%3E%3Cscript%3Ealert%28%271%27%29%3C%2Fscript%3E";
    let shop = Shop::with(list);
    let (.., page) = shop.get(&format!("/shop/?q={query}&category={query}"));
    assert!(
        !page.contains("<script") && !page.contains("\"><s"),
        "{page}"
    );
    assert!(!page.contains("elsewhere.example"));
    assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;"));
    assert_eq!(
        shop.0.sent(),
        [format!(
            "GET http://product/product?limit=100&q={query}&category={query}"
        )]
    );
}

#[test]
fn the_content_security_policy_allows_only_the_style_sheet_and_no_scripts() {
    let (_, response, page) = Shop::with(page(json!([product("Beans")]))).get("/shop/");
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    let style = page
        .split_once("<style>")
        .and_then(|(_, rest)| rest.split_once("</style>"));
    let digest = STANDARD.encode(Sha256::digest(style.unwrap().0));
    assert!(policy.contains("default-src 'none'"));
    assert!(policy.contains(&format!("'sha256-{digest}'")));
    assert!(!policy.contains("unsafe") && !policy.contains("script"));
    assert!(
        !page.contains(" style=") && !page.contains(" on"),
        "the page must not contain inline styles or event handlers"
    );
}

#[test]
fn the_link_to_the_next_page_keeps_the_search() {
    let mut list = page(json!([product("Beans")]));
    list["next_page_token"] = json!("a+b");
    let (.., page) = Shop::with(list).get("/shop/?q=dark+beans");
    assert!(page.contains("href=\"/shop/?page_token=a%2Bb&amp;q=dark%20beans\""));
}

#[test]
fn without_product_an_error_page_is_shown() {
    for broken in [
        || Err(CallError::NotSent("refused".into())),
        || reply(503, json!({})),
        || reply(200, json!({"items": 1})),
    ] {
        let (status, response, page) = Shop::new(move |_| broken()).get("/shop/");
        assert_eq!(status, 503);
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(page.contains("not available at the moment"));
        assert!(response.headers().contains_key("content-security-policy"));
    }
}

#[test]
fn a_page_shows_why_product_rejects_a_search() {
    let shop = Shop::new(|_| reply(400, json!({"detail": "q: `<!>` contains no letters"})));
    let (status, _, page) = shop.get("/shop/?q=%3C%21%3E");
    assert_eq!(status, 400);
    assert!(page.contains("q: `&lt;!&gt;` contains no letters"));
}

#[test]
fn every_picture_of_the_catalogue_can_be_drawn() {
    let shop = Shop::new(|_| Err(CallError::NotSent("a picture must not call product".into())));
    let catalogue: Vec<Value> =
        serde_json::from_str(include_str!("../../product/catalogue.json")).unwrap();
    for product in catalogue {
        let (status, response, svg) = shop.get(product["image"].as_str().unwrap());
        assert_eq!(status, 200);
        assert_eq!(response.headers()["content-type"], "image/svg+xml");
        assert!(svg.contains(product["sku"].as_str().unwrap()));
    }
    for bad in ["x.png", "%3Cx%3E.svg", "a%2Fb.svg"] {
        assert_eq!(shop.get(&format!("/shop/images/{bad}")).0, 404);
    }
    assert_eq!(shop.0.sent(), [""; 0]);
}
