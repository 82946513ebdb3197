//! Accounts and tokens: who a customer is, and the proof of it that every other service verifies by itself.
//!
//! It knows no orders and no addresses of customers. Passwords are kept as argon2id hashes, tokens are JWTs signed with ES256, and
//! the public half of the key is at `GET /user/jwks`.
//!
//! Read [`domain`] for what an account may hold, then [`http`]. The rest is about secrets and guesses:
//!
//! | module | what |
//! |---|---|
//! | [`password`] | hashes passwords, and checks them |
//! | [`keys`] | the key that signs tokens |
//! | [`throttle`] | how many wrong passwords may be tried; [`store::login_attempts`] counts them |
//! | [`client_address`] | where a request comes from, as far as it can be known |
//! | [`config`] | every limit and lifetime, with its default |

pub mod app;
pub mod client_address;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod keys;
pub mod password;
pub mod store;
pub mod throttle;
