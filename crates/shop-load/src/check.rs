//! Checks the content of responses. The checks send no requests. The error of a check is a text that describes the wrong content.

pub(crate) mod account;
pub(crate) mod cart;
pub(crate) mod catalogue;
mod ensure;
mod lines;
pub(crate) mod order;

pub(crate) use lines::Basket;

#[cfg(test)]
mod tests;
