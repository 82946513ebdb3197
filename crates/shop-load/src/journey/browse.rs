//! Browsing: the list, its next page or a search, and some products.

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

/// Products on a page.
const PAGE_SIZE: usize = 20;
/// Products on a page when the whole catalogue is read: the most that product allows.
const LARGEST_PAGE: usize = 100;
/// Characters of the shortest word that is searched; shorter words are in most names.
const SHORTEST_WORD: usize = 4;

/// A browser's journey.
pub(crate) async fn browse<T: Transport>(session: &mut Session<T>) -> Result<(), Interrupted> {
    let mut seen = list(session).await?;
    for _ in 0..session.rng.u32(1..=3) {
        session.think().await?;
        match session.choose(&seen) {
            Some(listed) => product(session, &listed).await?,
            None => break,
        }
        if session.rng.u8(..4) == 0 {
            session.think().await?;
            seen = list(session).await?;
        }
    }
    Ok(())
}

/// Some products to choose from: the first page, the second, or the result of a search.
pub(crate) async fn list<T: Transport>(
    session: &mut Session<T>,
) -> Result<Vec<Product>, Interrupted> {
    let world = session.world.clone();
    let search = session
        .choose(world.catalogue())
        .and_then(|product| Some((word(session, &product.name)?, product)));
    match (session.rng.u8(..3), search) {
        (0, Some((word, sought))) => {
            let path = format!("/product?q={}&limit={PAGE_SIZE}", encoded(&word));
            let found = session
                .require(Step::Search, ShopRequest::get(path), |answer| {
                    let served = page(answer, PAGE_SIZE, &[])?;
                    check::found(&served.page, &word, &sought).map_err(Failure::Wrong)?;
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
                    Ok(
                        next(session, Step::NextPage, PAGE_SIZE, &first.items, &token)
                            .await?
                            .items,
                    )
                }
                _ => Ok(first.items),
            }
        }
    }
}

async fn next<T: Transport>(
    session: &mut Session<T>,
    step: Step,
    limit: usize,
    before: &[Product],
    token: &str,
) -> Result<Page<Product>, Failure> {
    let path = format!("/product?limit={limit}&page_token={}", encoded(token));
    let page = session
        .require(step, ShopRequest::get(path), |answer| {
            page(answer, limit, before)
        })
        .await;
    session.count_release(page)
}

/// A product's own page.
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
    session.world.record.release(&shown?);
    Ok(())
}

/// The whole catalogue, read before the load begins.
pub(crate) async fn catalogue<T: Transport>(
    session: &mut Session<T>,
) -> Result<Vec<Product>, Failure> {
    let path = format!("/product?limit={LARGEST_PAGE}");
    let first = session
        .require(Step::List, ShopRequest::get(path), |answer| {
            page(answer, LARGEST_PAGE, &[])
        })
        .await;
    let mut read = session.count_release(first)?;
    let mut products = read.items;
    while let Some(token) = read.next_page_token {
        read = next(session, Step::NextPage, LARGEST_PAGE, &products, &token).await?;
        products.append(&mut read.items);
    }
    Ok(products)
}

/// A page, and the release of product that served it.
struct Served {
    page: Page<Product>,
    release: String,
}

fn page(answer: &Answer, limit: usize, before: &[Product]) -> Result<Served, Failure> {
    let page = answer.expect(200)?;
    check::page(&page, limit, before).map_err(Failure::Wrong)?;
    let release = release(answer)?;
    Ok(Served { page, release })
}

/// Every answer of product names its release.
fn release(answer: &Answer) -> Result<String, Failure> {
    match answer.header("x-shop-version") {
        Some(release) => Ok(release.to_owned()),
        None => Err(Failure::Wrong("no x-shop-version".to_owned())),
    }
}

/// A random word of a name that is long enough for a search.
fn word<T>(session: &mut Session<T>, name: &str) -> Option<String> {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= SHORTEST_WORD)
        .collect();
    session.rng.choice(words).map(str::to_lowercase)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl<T: Transport> Session<T> {
    fn count_release(&mut self, served: Result<Served, Failure>) -> Result<Page<Product>, Failure> {
        let Served { page, release } = served?;
        self.world.record.release(&release);
        Ok(page)
    }

    fn choose(&mut self, products: &[Product]) -> Option<Product> {
        self.rng.choice(products).cloned()
    }
}
