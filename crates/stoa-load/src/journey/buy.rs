//! Buying: look, put into the cart, read the cart, order, read the order; now and then track the parcel and look at the
//! inbox.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::browse;
use super::order::{Placed, again, place, read_back};
use crate::account::Account;
use crate::answer::{Answer, Failure, Reply};
use crate::check::{self, Basket};
use crate::session::{Ask, Gone, Session};
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::{Cart, Line, Message, Page, Product, Tracking};

/// A buyer's journey.
pub(crate) async fn buy<T: Transport>(session: &mut Session<T>) -> Result<(), Gone> {
    let mut account = session.account().await?;
    session.cookies = std::mem::take(&mut account.cookies);
    let bought = shop(session, &mut account).await;
    account.cookies = std::mem::take(&mut session.cookies);
    if !account.doubtful {
        session.world.give_back(account);
    }
    bought
}

async fn shop<T: Transport>(session: &mut Session<T>, account: &mut Account) -> Result<(), Gone> {
    if account.dirty {
        let ask = Ask::new(Method::DELETE, "/cart").by(account);
        let emptied = session
            .need(Step::EmptyCart, ask, |answer| answer.expect_empty(204))
            .await;
        let () = signed_in(account, emptied)?;
        account.dirty = false;
        session.think().await?;
    }
    let basket = fill(session, account).await?;
    if basket.is_empty() {
        return Ok(()); // Nothing of what he wanted was in stock.
    }

    session.think().await?;
    let world = Arc::clone(&session.world);
    let ask = Ask::get("/cart").by(account);
    let cart = session
        .need(Step::ReadCart, ask, |answer| {
            let cart: Cart = answer.expect(200)?;
            check::cart(&cart, &basket, world.catalogue()).map_err(Failure::Wrong)
        })
        .await;
    signed_in(account, cart)?;

    session.think().await?;
    let placed = place(session, account, &basket).await?;
    session.think().await?;
    read_back(session, account, &placed).await?;
    if session.rng.u8(..10) == 0 {
        again(session, &placed).await?;
    }
    if let Placed {
        order: Some(order), ..
    } = &placed
        && let Some(number) = order
            .shipment
            .as_ref()
            .and_then(|s| s.tracking_number.as_ref())
        && session.rng.u8(..4) == 0
    {
        session.think().await?;
        track(session, number).await?;
    }
    if session.rng.u8(..4) == 0 && !account.doubtful {
        session.think().await?;
        inbox(session, account).await?;
    }
    Ok(())
}

/// One to three products, one or two of each, as far as they are in stock.
async fn fill<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
) -> Result<Basket, Gone> {
    let mut basket = Basket::new();
    let seen = browse::list(session).await?;
    // Few are on sale for nothing, and what has no price cannot be ordered.
    let mut priced: Vec<Product> = seen.into_iter().filter(|p| p.price.is_some()).collect();
    session.rng.shuffle(&mut priced);
    let count = usize::from(session.rng.u8(1..=3));
    for product in priced.into_iter().take(count) {
        session.think().await?;
        browse::product(session, &product).await?;
        session.think().await?;
        let quantity = session.rng.u32(1..=2);
        let ask = Ask::new(Method::PUT, format!("/cart/items/{}", product.sku))
            .by(account)
            .json(json!({"quantity": quantity}));
        account.dirty = true;
        let put = session
            .ask(Step::PutInCart, ask, |answer| {
                put(answer, &product, quantity)
            })
            .await;
        if let Reply::Yes(()) = signed_in(account, put)? {
            basket.insert(product.sku, quantity);
        }
    }
    Ok(basket)
}

fn put(answer: &Answer, product: &Product, quantity: u32) -> Result<Reply<()>, Failure> {
    if let Some(refusal) = answer.refusal(409, &["insufficient_stock"]) {
        return Ok(Reply::No(refusal));
    }
    let line: Line = answer.expect(200)?;
    check::put(&line, product, quantity).map_err(Failure::Wrong)?;
    Ok(Reply::Yes(()))
}

async fn track<T: Transport>(session: &mut Session<T>, number: &str) -> Result<(), Failure> {
    session
        .need(
            Step::Track,
            Ask::get(format!("/shipping/{number}")),
            |answer| {
                let tracking: Tracking = answer.expect(200)?;
                check::tracking(&tracking, number).map_err(Failure::Wrong)
            },
        )
        .await
}

async fn inbox<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
) -> Result<(), Failure> {
    let ask = Ask::get("/notification").by(account);
    let read = session
        .need(Step::Inbox, ask, |answer| {
            let messages: Page<Message> = answer.expect(200)?;
            check::inbox(&messages, &account.orders).map_err(Failure::Wrong)
        })
        .await;
    signed_in(account, read)
}

/// Who is told that his token is not good logs in again next time.
pub(super) fn signed_in<R>(account: &mut Account, asked: Result<R, Failure>) -> Result<R, Failure> {
    if asked.as_ref().is_err_and(|failure| failure.is_status(401)) {
        account.log_out();
    }
    asked
}
