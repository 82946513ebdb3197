//! The rules that limit failed log-ins. The functions are pure: they do no input or output.
//!
//! A bucket fills with every failed log-in, and leaks over time. There are three kinds of buckets: one for an account, one for an
//! IP address, and one for the pair of an account and an IP address.
//!
//! An attempt counts before its password is hashed, and is subtracted if the password is right. So the number of passwords that are
//! hashed at the same time never exceeds the room in the buckets. A rejected attempt does not count, so no account is locked
//! permanently. Strangers who fill an account's bucket do not lock out the owner at IP addresses from which the owner logged in
//! before.
//!
//! `store/login_attempts.rs` counts the attempts, and `store/known_addresses.rs` stores the addresses of earlier log-ins.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use stoa_service::time::Millis;

/// The length of a day, in milliseconds.
pub const DAY: Millis = 24 * 60 * 60 * 1000;
/// How long an address stays known after the account's last log-in from this address, in milliseconds.
pub const KNOWN_ADDRESS_LIFETIME: Millis = 30 * DAY;
/// The maximum number of known addresses of an account. If there are more, the addresses with the latest log-ins are kept.
pub const MAX_KNOWN_ADDRESSES: u32 = 20;

/// The limit of one kind of bucket: how many failed attempts fill a bucket, and how long a full bucket takes to become empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of failed attempts that fill a bucket.
    pub attempts: u32,
    /// The time that a full bucket takes to become empty, in milliseconds.
    pub window: Millis,
}

/// The limits of the three kinds of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The limit of a bucket for one account from one address.
    pub account_and_address: Limit,
    /// The limit of a bucket for one account from all unknown addresses together.
    pub account: Limit,
    /// The limit of a bucket for one address and all accounts.
    pub address: Limit,
}

impl Limit {
    /// Returns the time that one attempt takes to leak out, in milliseconds. The result is rounded up, so that a window never
    /// accepts more attempts than the limit.
    pub fn leak_time(self) -> Millis {
        let attempts = Millis::from(self.attempts.max(1));
        (self.window + attempts - 1) / attempts
    }

    /// Returns a limit for the time at which a bucket becomes empty. A bucket that becomes empty later than this limit rejects an
    /// attempt at `now`.
    pub fn latest_empty_at(self, now: Millis) -> Millis {
        now + self.leak_time() * (Millis::from(self.attempts.max(1)) - 1)
    }

    /// Returns the time until a bucket accepts an attempt, in milliseconds; 0 or less if the bucket has room. `empty_at` is the
    /// time at which the bucket becomes empty.
    pub fn wait_time(self, empty_at: Millis, now: Millis) -> Millis {
        empty_at - self.latest_empty_at(now)
    }
}

/// A bucket that counts failed log-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket<'a> {
    /// The kind of bucket, in words for the log.
    pub name: &'static str,
    /// The digest that identifies the bucket.
    pub key: &'a str,
    /// The limit of the bucket.
    pub limit: Limit,
}

/// An attempt to log in. The value contains only digests: people sometimes type their password in the field for the e-mail address,
/// and a password must not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginAttempt {
    /// The digest of the e-mail address.
    pub account: String,
    /// The digest of the client's IP address.
    pub address: String,
    /// The digest of the e-mail address together with the client's IP address.
    pub account_and_address: String,
    /// True if the client's IP address was found. All clients without an IP address share one digest, which never becomes a known
    /// address.
    pub has_address: bool,
}

impl LoginAttempt {
    /// Creates an attempt to log in to the account of `email` (in lower case) from the IP address `address`. The account may not
    /// exist.
    pub fn new(email: &str, address: Option<IpAddr>) -> Self {
        let address_text =
            address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        Self {
            account: digest_key("account", email),
            address: digest_key("address", &address_text),
            // An IP address does not contain blanks, so the last blank always separates the e-mail address from the IP address.
            account_and_address: digest_key("both", &format!("{email} {address_text}")),
            has_address: address.is_some(),
        }
    }

    /// Returns the buckets in which this attempt counts, sorted by key, because all writers must lock buckets in the same order.
    /// `is_known` is true if somebody has already logged in to the account from the IP address of this attempt.
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

fn digest_key(kind: &str, text: &str) -> String {
    let digest = Sha256::digest(format!("{kind} {text}"));
    URL_SAFE_NO_PAD.encode(digest)
}
