//! Accounts and tokens: the identity of a customer, and a proof of it that every other service can verify.
//!
//! It has no orders and no postal addresses. Passwords are stored as argon2id hashes, tokens are JWTs signed with ES256, and
//! the public half of the key is at `GET /user/jwks`.
//!
//! Read [`domain`] for the fields of an account, then [`http`]. The other modules protect secrets and limit guesses:
//!
//! | module | what |
//! |---|---|
//! | [`password`] | hashes and checks passwords |
//! | [`keys`] | the key that signs tokens |
//! | [`throttle`] | limits wrong passwords; [`store::login_attempts`] counts them |
//! | [`client_address`] | the client's address of a request, as far as it can be known |
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
