//! The service `user` keeps the customers' accounts, and issues tokens that every other service can verify.
//!
//! The service does not store orders or postal addresses. Passwords are stored as argon2id hashes. Tokens are JWTs signed with
//! ES256, and `GET /user/jwks` returns the public keys.
//!
//! Read [`domain`] for the fields of an account, then [`http`]. The other modules protect secrets and limit guesses of passwords:
//!
//! | module | contents |
//! |---|---|
//! | [`password`] | the functions that hash and check passwords |
//! | [`signing_keys`] | all keys for tokens: one key signs, and all keys are published; [`keys`] is a single key |
//! | [`throttle`] | the limits on failed log-ins; [`store::login_attempts`] counts the failed log-ins |
//! | [`client_address`] | finds the IP address of the client that sent a request |
//! | [`config`] | all limits and lifetimes, with their defaults |

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
pub mod signing_keys;
pub mod store;
pub mod throttle;
