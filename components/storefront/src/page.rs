//! Renders the pages as HTML. [`HtmlText`] and [`QueryValue`] escape all external text.

use crate::domain::{Product, ProductPage, Search};
use crate::html::{HtmlText, QueryValue};

/// The style sheet, which is part of every page. The Content-Security-Policy permits the style sheet by its digest.
pub const STYLE: &str = include_str!("page.css");

/// Renders the page of products, with a section about the other parts of the shop.
pub fn products_page(search: &Search, products: &ProductPage) -> String {
    let title = match (&search.q, &search.category) {
        (Some(q), _) => format!("{} - stoa", HtmlText(q)),
        (None, Some(category)) => format!("{} - stoa", HtmlText(category)),
        (None, None) => "stoa".to_owned(),
    };
    let mut body = String::new();
    if let Some(category) = &search.category {
        body.push_str(&format!(
            "<p>Category: {} (<a href=\"/shop/\">all products</a>)</p>\n",
            HtmlText(category)
        ));
    }
    if products.items.is_empty() {
        body.push_str("<p>No products found.</p>\n");
    }
    body.push_str("<ul class=\"products\">\n");
    for product in &products.items {
        body.push_str(&product_card(product));
    }
    body.push_str("</ul>\n");
    if let Some(token) = &products.next_page_token {
        let mut query = format!("page_token={}", QueryValue(token));
        for (name, value) in [("q", &search.q), ("category", &search.category)] {
            if let Some(value) = value {
                query.push_str(&format!("&amp;{name}={}", QueryValue(value)));
            }
        }
        body.push_str(&format!(
            "<p><a href=\"/shop/?{query}\" rel=\"next\">More products</a></p>\n"
        ));
    }
    body.push_str(API_SECTION);
    if let Some(version) = &products.version {
        body.push_str(&format!(
            "<footer><p>Listed by release {} of the product service.</p></footer>\n",
            HtmlText(version)
        ));
    }
    document(&title, search.q.as_deref(), &body)
}

fn product_card(product: &Product) -> String {
    let name = HtmlText(&product.name);
    let image = if is_local_path(&product.image) {
        product.image.clone()
    } else {
        format!(
            "/shop/images/{}.svg",
            QueryValue(&product.sku.to_lowercase())
        )
    };
    let price = product
        .price
        .map_or("Price on request".to_owned(), |price| price.to_string());
    let available = match product.available {
        Some(0) => "<p class=\"soft\">Sold out</p>".to_owned(),
        Some(units) => format!("<p class=\"soft\">{units} available</p>"),
        None => String::new(),
    };
    format!(
        "<li><img src=\"{}\" alt=\"\" loading=\"lazy\" width=\"400\" height=\"300\">\
         <div><h2><a href=\"/product/{}\">{name}</a></h2><p>{}</p>\
         <p class=\"soft\">{} in <a href=\"/shop/?category={}\">{}</a></p>{available}<p class=\"price\">{}</p></div></li>\n",
        HtmlText(&image),
        QueryValue(&product.sku),
        HtmlText(&product.description),
        HtmlText(&product.sku),
        QueryValue(&product.category),
        HtmlText(&product.category),
        HtmlText(&price),
    )
}

/// Returns whether `image` is a path on this host. A page does not show pictures from other hosts.
fn is_local_path(image: &str) -> bool {
    image.starts_with('/') && !image.starts_with("//") && !image.contains('\\')
}

/// Renders a page with a title and one message.
pub fn message_page(title: &str, text: &str) -> String {
    let body = format!(
        "<section><h2>{}</h2><p>{}</p><p><a href=\"/shop/\">All products</a></p></section>\n",
        HtmlText(title),
        HtmlText(text)
    );
    document(&format!("{} - stoa", HtmlText(title)), None, &body)
}

/// Renders a complete HTML document. `title` and `body` must be escaped already; `q` is plain text.
fn document(title: &str, q: Option<&str>, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header><h1><a href=\"/shop/\">stoa</a></h1>\n\
         <form action=\"/shop/\" role=\"search\"><input type=\"search\" name=\"q\" value=\"{}\" aria-label=\"Search\">\
         <button>Search</button></form></header>\n<main>\n{body}</main>\n</body>\n</html>\n",
        HtmlText(q.unwrap_or_default())
    )
}

const API_SECTION: &str = r#"<section>
<h2>The other parts of the shop</h2>
<p>All other parts of the shop have an HTTP interface for programs and for curl: <a href="/product">/product</a>,
<a href="/user">/user</a> and, with a token, /cart, /order and /notification.</p>
<pre>SHOP=http://127.0.0.1:8080   # the address of this page
JSON='content-type: application/json'
curl $SHOP/user/register -H "$JSON" -d '{"email": "ann@example.com", "password": "correct horse battery", "name": "Ann"}'
TOKEN=$(curl -s $SHOP/user/login -H "$JSON" -d '{"email": "ann@example.com", "password": "correct horse battery"}' |
    sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -X PUT $SHOP/cart/items/COF-001 -H "authorization: Bearer $TOKEN" -H "$JSON" -d '{"quantity": 2}'
curl $SHOP/cart -H "authorization: Bearer $TOKEN"
curl $SHOP/order -H "authorization: Bearer $TOKEN" -H "$JSON" -H "idempotency-key: $(date +%s%N)" -d '{
    "shipping_address": {"name": "Ann", "street": "Main Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"},
    "payment": {"method": "card", "card_token": "tok_visa"}}'
TRACKING=$(curl -s "$SHOP/order?limit=1" -H "authorization: Bearer $TOKEN" | sed 's/.*"tracking_number":"\([^"]*\)".*/\1/')
curl $SHOP/shipping/$TRACKING
curl $SHOP/notification -H "authorization: Bearer $TOKEN"</pre>
</section>
"#;
