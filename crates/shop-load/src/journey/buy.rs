//! The journey of a customer who buys: browses, fills the cart, reads the cart, orders, and reads the order. Some of these
//! customers also repeat the order, track the parcel or read the inbox.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::browse;
use super::log_out::log_out_on_401;
use super::order::place_order;
use super::repeat::{read_back, repeat};
use crate::account::Account;
use crate::answer::Answer;
use crate::check::{self, Basket};
use crate::failure::{Failure, Reply};
use crate::interrupted::Interrupted;
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::{Cart, Line, Message, Page, Product, Tracking};

/// Runs the journey of a customer who buys.
pub(crate) async fn buy<T: Transport>(session: &mut Session<T>) -> Result<(), Interrupted> {
    let mut account = session.take_account().await?;
    session.cookies = std::mem::take(&mut account.cookies);
    let bought = fill_cart_and_order(session, &mut account).await;
    account.cookies = std::mem::take(&mut session.cookies);
    if !account.uncertain {
        session.world.return_account(account);
    }
    bought
}

async fn fill_cart_and_order<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
) -> Result<(), Interrupted> {
    if account.cart_may_hold_items {
        let request = ShopRequest::new(Method::DELETE, "/cart").bearer(&account.token);
        let emptied = session
            .require(Step::EmptyCart, request, |answer| answer.expect_empty(204))
            .await;
        let () = log_out_on_401(account, emptied)?;
        account.cart_may_hold_items = false;
        session.think().await?;
    }
    let basket = fill_cart(session, account).await?;
    if basket.is_empty() {
        return Ok(()); // None of the chosen products was in stock.
    }

    session.think().await?;
    let world = Arc::clone(&session.world);
    let request = ShopRequest::get("/cart").bearer(&account.token);
    let cart = session
        .require(Step::ReadCart, request, |answer| {
            let cart: Cart = answer.expect(200)?;
            check::cart::cart(&cart, &basket, world.catalogue()).map_err(Failure::Wrong)
        })
        .await;
    log_out_on_401(account, cart)?;

    session.think().await?;
    let placed = place_order(session, account, &basket).await?;
    session.think().await?;
    read_back(session, account, &placed).await?;
    if session.rng.u8(..10) == 0 {
        repeat(session, &placed).await?;
    }
    if let Some(number) = placed.tracking_number()
        && session.rng.u8(..4) == 0
    {
        session.think().await?;
        track_parcel(session, number).await?;
    }
    if session.rng.u8(..4) == 0 && !account.uncertain {
        session.think().await?;
        read_inbox(session, account).await?;
    }
    Ok(())
}

/// Puts one to three products into the cart, one or two units of each product. Skips products that are out of stock.
async fn fill_cart<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
) -> Result<Basket, Interrupted> {
    let mut basket = Basket::new();
    let listed = browse::list(session).await?;
    // A product without a price cannot be ordered.
    let mut priced: Vec<Product> = listed.into_iter().filter(|p| p.price.is_some()).collect();
    session.rng.shuffle(&mut priced);
    let count = usize::from(session.rng.u8(1..=3));
    for product in priced.into_iter().take(count) {
        session.think().await?;
        browse::product(session, &product).await?;
        session.think().await?;
        let quantity = session.rng.u32(1..=2);
        let request = ShopRequest::new(Method::PUT, format!("/cart/items/{}", product.sku))
            .bearer(&account.token)
            .json(json!({"quantity": quantity}));
        account.cart_may_hold_items = true;
        let put = session
            .send(Step::PutInCart, request, |answer| {
                check_put_item(answer, &product, quantity)
            })
            .await;
        if let Reply::Accepted(()) = log_out_on_401(account, put)? {
            basket.insert(product.sku, quantity);
        }
    }
    Ok(basket)
}

fn check_put_item(answer: &Answer, product: &Product, quantity: u32) -> Result<Reply<()>, Failure> {
    if let Some(refusal) = answer.refusal(409, &["insufficient_stock"]) {
        return Ok(Reply::Refused(refusal));
    }
    let line: Line = answer.expect(200)?;
    check::cart::put_item(&line, product, quantity).map_err(Failure::Wrong)?;
    Ok(Reply::Accepted(()))
}

async fn track_parcel<T: Transport>(session: &mut Session<T>, number: &str) -> Result<(), Failure> {
    session
        .require(
            Step::Track,
            ShopRequest::get(format!("/shipping/{number}")),
            |answer| {
                let tracking: Tracking = answer.expect(200)?;
                check::order::tracking(&tracking, number).map_err(Failure::Wrong)
            },
        )
        .await
}

async fn read_inbox<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
) -> Result<(), Failure> {
    let request = ShopRequest::get("/notification").bearer(&account.token);
    let read = session
        .require(Step::Inbox, request, |answer| {
            let messages: Page<Message> = answer.expect(200)?;
            check::account::inbox(&messages, &account.orders).map_err(Failure::Wrong)
        })
        .await;
    log_out_on_401(account, read)
}
