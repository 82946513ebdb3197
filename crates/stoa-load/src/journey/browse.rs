//! Looking around: the list, its next page or a search, and some products.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::{Answer, Failure};
use crate::check;
use crate::session::{Ask, Gone, Session};
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::{Page, Product};

/// Products a page shows.
const SHOWN: usize = 20;
/// Products a page of the catalogue has, when all of it is read: the most there can be.
const ALL: usize = 100;
/// The shortest word that is searched; shorter ones are in everything.
const WORD: usize = 4;

/// A browser's journey.
pub(crate) async fn browse<T: Transport>(session: &mut Session<T>) -> Result<(), Gone> {
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

/// Some products to choose from: the first page of all, the second, or what is found by a word.
pub(crate) async fn list<T: Transport>(session: &mut Session<T>) -> Result<Vec<Product>, Gone> {
    let world = session.world.clone();
    let searched = session
        .choose(world.catalogue())
        .and_then(|product| Some((word(session, &product.name)?, product)));
    match (session.rng.u8(..3), searched) {
        (0, Some((word, sought))) => {
            let path = format!("/product?q={}&limit={SHOWN}", encoded(&word));
            let found = session
                .need(Step::Search, Ask::get(path), |answer| {
                    let seen = page(answer, SHOWN, &[])?;
                    check::found(&seen.page, &word, &sought).map_err(Failure::Wrong)?;
                    Ok(seen)
                })
                .await;
            Ok(session.seen(found)?.items)
        }
        (n, _) => {
            let path = format!("/product?limit={SHOWN}");
            let first = session
                .need(Step::List, Ask::get(path), |answer| {
                    page(answer, SHOWN, &[])
                })
                .await;
            let first = session.seen(first)?;
            match first.next_page_token {
                Some(token) if n == 1 => {
                    session.think().await?;
                    Ok(next(session, Step::NextPage, SHOWN, &first.items, &token)
                        .await?
                        .items)
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
        .need(step, Ask::get(path), |answer| page(answer, limit, before))
        .await;
    session.seen(page)
}

/// A product's own page.
pub(crate) async fn product<T: Transport>(
    session: &mut Session<T>,
    listed: &Product,
) -> Result<(), Gone> {
    let path = format!("/product/{}", listed.product_id);
    let shown = session
        .need(Step::Product, Ask::get(path), |answer| {
            let shown: Product = answer.expect(200)?;
            check::product(&shown, listed).map_err(Failure::Wrong)?;
            release(answer)
        })
        .await;
    session.world.record.release(&shown?);
    Ok(())
}

/// All that the shop has, read before the load begins.
pub(crate) async fn catalogue<T: Transport>(
    session: &mut Session<T>,
) -> Result<Vec<Product>, Failure> {
    let path = format!("/product?limit={ALL}");
    let first = session
        .need(Step::List, Ask::get(path), |answer| page(answer, ALL, &[]))
        .await;
    let mut read = session.seen(first)?;
    let mut products = read.items;
    while let Some(token) = read.next_page_token {
        read = next(session, Step::NextPage, ALL, &products, &token).await?;
        products.append(&mut read.items);
    }
    Ok(products)
}

/// A page and the release that made it.
struct Seen {
    page: Page<Product>,
    release: String,
}

fn page(answer: &Answer, limit: usize, before: &[Product]) -> Result<Seen, Failure> {
    let page = answer.expect(200)?;
    check::page(&page, limit, before).map_err(Failure::Wrong)?;
    let release = release(answer)?;
    Ok(Seen { page, release })
}

/// Every answer of product says which release of it this is.
fn release(answer: &Answer) -> Result<String, Failure> {
    match answer.header("x-shop-version") {
        Some(release) => Ok(release.to_owned()),
        None => Err(Failure::Wrong("no x-shop-version".to_owned())),
    }
}

/// A word of a name that can be searched.
fn word<T>(session: &mut Session<T>, name: &str) -> Option<String> {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= WORD)
        .collect();
    session.rng.choice(words).map(str::to_lowercase)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl<T: Transport> Session<T> {
    fn seen(&mut self, seen: Result<Seen, Failure>) -> Result<Page<Product>, Failure> {
        let Seen { page, release } = seen?;
        self.world.record.release(&release);
        Ok(page)
    }

    fn choose(&mut self, products: &[Product]) -> Option<Product> {
        self.rng.choice(products).cloned()
    }
}
