//! Accounts and tokens: who a customer is, and the proof of it that every other service checks by itself.
//!
//! It knows no orders and no addresses. Passwords are kept as argon2id hashes, tokens are JWTs signed with ES256, and
//! the public half of the key is at `GET /user/jwks`.
//!
//! Read [`domain`] for what an account may hold, [`password`] and [`keys`] for the secrets, [`throttle`] for how
//! many passwords may be tried, then [`http`].

pub mod client;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod http;
pub mod keys;
pub mod password;
pub mod store;
pub mod throttle;
