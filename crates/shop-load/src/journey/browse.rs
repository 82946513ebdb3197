//! The journey of a customer who only browses: reads the list of products, its next page or search results, and then some products.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::Answer;
use crate::check::catalogue as check;
use crate::failure::Failure;
use crate::interrupted::Interrupted;
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::{Page, Product};

/// Number of products that a customer requests for a page.
const PAGE_SIZE: usize = 20;
/// Number of products for a page when the whole catalogue is read; the maximum that the product service allows.
const LARGEST_PAGE_SIZE: usize = 100;
/// Minimum length of a word in a search, in characters. Most names contain shorter words.
const MIN_SEARCH_WORD_LENGTH: usize = 4;

/// Runs the journey of a customer who only browses.
pub(crate) async fn browse<T: Transport>(session: &mut Session<T>) -> Result<(), Interrupted> {
    let mut listed = list(session).await?;
    for _ in 0..session.rng.u32(1..=3) {
        session.think().await?;
        match session.choose(&listed) {
            Some(chosen) => product(session, &chosen).await?,
            None => break,
        }
        if session.rng.u8(..4) == 0 {
            session.think().await?;
            listed = list(session).await?;
        }
    }
    Ok(())
}

/// Reads products to choose from: the first page of the list, the page after it, or the results of a search.
pub(crate) async fn list<T: Transport>(
    session: &mut Session<T>,
) -> Result<Vec<Product>, Interrupted> {
    let world = session.world.clone();
    let search = session
        .choose(world.catalogue())
        .and_then(|product| Some((search_word(session, &product.name)?, product)));
    match (session.rng.u8(..3), search) {
        (0, Some((word, sought))) => {
            let path = format!("/product?q={}&limit={PAGE_SIZE}", encoded(&word));
            let found = session
                .require(Step::Search, ShopRequest::get(path), |answer| {
                    let served = page(answer, PAGE_SIZE, &[])?;
                    check::search_results(&served.page, &word, &sought).map_err(Failure::Wrong)?;
                    Ok(served)
                })
                .await;
            Ok(session.count_release(found)?.items)
        }
        (n, _) => {
            let path = format!("/product?limit={PAGE_SIZE}");
            let first = session
                .require(Step::List, ShopRequest::get(path), |answer| {
                    page(answer, PAGE_SIZE, &[])
                })
                .await;
            let first = session.count_release(first)?;
            match first.next_page_token {
                Some(token) if n == 1 => {
                    session.think().await?;
                    let next = next_page(session, PAGE_SIZE, &first.items, &token).await?;
                    Ok(next.items)
                }
                _ => Ok(first.items),
            }
        }
    }
}

async fn next_page<T: Transport>(
    session: &mut Session<T>,
    limit: usize,
    before: &[Product],
    token: &str,
) -> Result<Page<Product>, Failure> {
    let path = format!("/product?limit={limit}&page_token={}", encoded(token));
    let page = session
        .require(Step::NextPage, ShopRequest::get(path), |answer| {
            page(answer, limit, before)
        })
        .await;
    session.count_release(page)
}

/// Reads one product by its id.
pub(crate) async fn product<T: Transport>(
    session: &mut Session<T>,
    listed: &Product,
) -> Result<(), Interrupted> {
    let path = format!("/product/{}", listed.product_id);
    let shown = session
        .require(Step::Product, ShopRequest::get(path), |answer| {
            let shown: Product = answer.expect(200)?;
            check::product(&shown, listed).map_err(Failure::Wrong)?;
            release(answer)
        })
        .await;
    session.world.record.count_release(&shown?);
    Ok(())
}

/// Reads all products of the catalogue, before the load begins.
pub(crate) async fn catalogue<T: Transport>(
    session: &mut Session<T>,
) -> Result<Vec<Product>, Failure> {
    let path = format!("/product?limit={LARGEST_PAGE_SIZE}");
    let first = session
        .require(Step::List, ShopRequest::get(path), |answer| {
            page(answer, LARGEST_PAGE_SIZE, &[])
        })
        .await;
    let mut read = session.count_release(first)?;
    let mut products = read.items;
    while let Some(token) = read.next_page_token {
        read = next_page(session, LARGEST_PAGE_SIZE, &products, &token).await?;
        products.append(&mut read.items);
    }
    Ok(products)
}

/// A page of products, and the release of the product service that served the page.
struct ServedPage {
    page: Page<Product>,
    release: String,
}

fn page(answer: &Answer, limit: usize, before: &[Product]) -> Result<ServedPage, Failure> {
    let page = answer.expect(200)?;
    check::page(&page, limit, before).map_err(Failure::Wrong)?;
    let release = release(answer)?;
    Ok(ServedPage { page, release })
}

/// Reads the release from the header `x-shop-version`, which every response of the product service has.
fn release(answer: &Answer) -> Result<String, Failure> {
    match answer.header("x-shop-version") {
        Some(release) => Ok(release.to_owned()),
        None => Err(Failure::Wrong("header x-shop-version: missing".to_owned())),
    }
}

/// Selects a random word of `name` that is long enough for a search.
fn search_word<T>(session: &mut Session<T>, name: &str) -> Option<String> {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= MIN_SEARCH_WORD_LENGTH)
        .collect();
    session.rng.choice(words).map(str::to_lowercase)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl<T: Transport> Session<T> {
    fn count_release(
        &mut self,
        served: Result<ServedPage, Failure>,
    ) -> Result<Page<Product>, Failure> {
        let ServedPage { page, release } = served?;
        self.world.record.count_release(&release);
        Ok(page)
    }

    fn choose(&mut self, products: &[Product]) -> Option<Product> {
        self.rng.choice(products).cloned()
    }
}
