//! The pages as text. All outside text is escaped by [`Text`] or [`Value`].

use crate::domain::{Product, ProductPage, Search};
use crate::html::{Text, Value};

/// The only style sheet, inlined in each page. The Content-Security-Policy allows it by its digest.
pub const STYLE: &str = include_str!("page.css");

/// The page of products, with links to the rest of the shop.
pub fn products(search: &Search, products: &ProductPage) -> String {
    let title = match (&search.q, &search.category) {
        (Some(q), _) => format!("{} - stoa", Text(q)),
        (None, Some(category)) => format!("{} - stoa", Text(category)),
        (None, None) => "stoa".to_owned(),
    };
    let mut body = String::new();
    if let Some(category) = &search.category {
        body.push_str(&format!(
            "<p>Category: {} (<a href=\"/shop/\">all products</a>)</p>\n",
            Text(category)
        ));
    }
    if products.items.is_empty() {
        body.push_str("<p>Nothing found here.</p>\n");
    }
    body.push_str("<ul class=\"products\">\n");
    for product in &products.items {
        body.push_str(&card(product));
    }
    body.push_str("</ul>\n");
    if let Some(token) = &products.next_page_token {
        let mut query = format!("page_token={}", Value(token));
        for (name, value) in [("q", &search.q), ("category", &search.category)] {
            if let Some(value) = value {
                query.push_str(&format!("&amp;{name}={}", Value(value)));
            }
        }
        body.push_str(&format!(
            "<p><a href=\"/shop/?{query}\" rel=\"next\">More products</a></p>\n"
        ));
    }
    body.push_str(REST_OF_SHOP);
    if let Some(version) = &products.version {
        body.push_str(&format!(
            "<footer><p>Listed by product {}.</p></footer>\n",
            Text(version)
        ));
    }
    document(&title, search.q.as_deref(), &body)
}

fn card(product: &Product) -> String {
    let name = Text(&product.name);
    let image = if is_own(&product.image) {
        product.image.clone()
    } else {
        format!("/shop/images/{}.svg", Value(&product.sku.to_lowercase()))
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
        Text(&image),
        Value(&product.sku),
        Text(&product.description),
        Text(&product.sku),
        Value(&product.category),
        Text(&product.category),
        Text(&price),
    )
}

/// Whether `image` is a path on this host: a page shows no pictures from other hosts.
fn is_own(image: &str) -> bool {
    image.starts_with('/') && !image.starts_with("//") && !image.contains('\\')
}

/// A page with one message.
pub fn message(title: &str, text: &str) -> String {
    let body = format!(
        "<section><h2>{}</h2><p>{}</p><p><a href=\"/shop/\">All products</a></p></section>\n",
        Text(title),
        Text(text)
    );
    document(&format!("{} - stoa", Text(title)), None, &body)
}

/// `title` and `body` are HTML.
fn document(title: &str, q: Option<&str>, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header><h1><a href=\"/shop/\">stoa</a></h1>\n\
         <form action=\"/shop/\" role=\"search\"><input type=\"search\" name=\"q\" value=\"{}\" aria-label=\"Search\">\
         <button>Search</button></form></header>\n<main>\n{body}</main>\n</body>\n</html>\n",
        Text(q.unwrap_or_default())
    )
}

const REST_OF_SHOP: &str = r#"<section>
<h2>The rest of the shop</h2>
<p>Everything else is an interface over HTTP, for programs and for curl: <a href="/product">/product</a>,
<a href="/user">/user</a>, and with a token /cart, /order and /notification.</p>
<pre>SHOP=http://127.0.0.1:8080   # where this page comes from
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
