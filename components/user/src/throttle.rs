//! Limits wrong passwords, pure: buckets that fill with every failed log-in and leak over time, for an account
//! from one address, for an account, and for an address.
//!
//! An attempt counts before its password is hashed, and is removed if the password is right: of concurrent attempts, no more
//! are hashed than the buckets have room for. A rejected attempt does not count. So no account is locked permanently. Strangers
//! who fill an account's bucket do not lock out its owner at addresses where the owner logged in before.
//!
//! `store/login_attempts.rs` counts attempts, `store/known_addresses.rs` stores the addresses of earlier log-ins.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use stoa_service::time::Millis;

/// A day, in milliseconds.
pub const DAY: Millis = 24 * 60 * 60 * 1000;
/// How long an account remembers an address after the last log-in from it, in milliseconds.
pub const KNOWN_ADDRESS_LIFETIME: Millis = 30 * DAY;
/// The most addresses that an account remembers: those of its last log-ins.
pub const MAX_KNOWN_ADDRESSES: u32 = 20;

/// The size of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of failed attempts that fill it.
    pub attempts: u32,
    /// The time that a full bucket takes to become empty, in milliseconds.
    pub window: Millis,
}

/// The sizes of all buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one account from one address.
    pub account_and_address: Limit,
    /// For one account, from all addresses except the known ones.
    pub account: Limit,
    /// For one address, over all accounts.
    pub address: Limit,
}

impl Limit {
    /// The time that one attempt takes to leak out, in milliseconds. Rounded up: a window never accepts more attempts than the limit.
    pub fn leak_time(self) -> Millis {
        let attempts = Millis::from(self.attempts.max(1));
        (self.window + attempts - 1) / attempts
    }

    /// The latest instant at which a bucket may become empty and still accept one more attempt now.
    pub fn latest_empty_at(self, now: Millis) -> Millis {
        now + self.leak_time() * (Millis::from(self.attempts.max(1)) - 1)
    }

    /// How long a bucket that becomes empty at `empty_at` accepts no attempt, in milliseconds; 0 or less if it has room.
    pub fn wait(self, empty_at: Millis, now: Millis) -> Millis {
        empty_at - self.latest_empty_at(now)
    }
}

/// A bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket<'a> {
    /// The kind of bucket, in words for the log.
    pub name: &'static str,
    /// The digest that identifies it.
    pub key: &'a str,
    /// Its size.
    pub limit: Limit,
}

/// An attempt to log in. It holds digests: people sometimes type a password as the address, and no typed text is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginAttempt {
    /// Digest of the account.
    pub account: String,
    /// Digest of the address.
    pub address: String,
    /// Digest of both.
    pub account_and_address: String,
    /// Whether the address can become a known one. Clients without an address share one digest, which cannot.
    pub has_address: bool,
}

impl LoginAttempt {
    /// An attempt to log in to the account of `email` (in lower case), existing or not, from `address`.
    pub fn new(email: &str, address: Option<IpAddr>) -> Self {
        let place = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        Self {
            account: key("account", email),
            address: key("address", &place),
            // An IP address has no white space, so the last blank is the separator.
            account_and_address: key("both", &format!("{email} {place}")),
            has_address: address.is_some(),
        }
    }

    /// The buckets of the attempt, in the order of their keys, in which every writer locks them. `is_known`: the account was logged
    /// in to from this address before.
    pub fn buckets(&self, limits: &Limits, is_known: bool) -> Vec<Bucket<'_>> {
        let mut buckets = vec![
            Bucket {
                name: "address",
                key: &self.address,
                limit: limits.address,
            },
            Bucket {
                name: "account and address",
                key: &self.account_and_address,
                limit: limits.account_and_address,
            },
        ];
        if !is_known {
            buckets.push(Bucket {
                name: "account",
                key: &self.account,
                limit: limits.account,
            });
        }
        buckets.sort_unstable_by_key(|bucket| bucket.key);
        buckets
    }
}

fn key(kind: &str, text: &str) -> String {
    let digest = Sha256::digest(format!("{kind} {text}"));
    URL_SAFE_NO_PAD.encode(digest)
}
