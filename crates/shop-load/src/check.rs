//! Whether an answer is right, beyond its status. All checks are pure; their error is a sentence that states what is wrong.

pub(crate) mod account;
pub(crate) mod cart;
pub(crate) mod catalogue;
mod ensure;
mod lines;
pub(crate) mod order;

pub(crate) use lines::Basket;

#[cfg(test)]
mod tests;
