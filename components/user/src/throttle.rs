//! How many wrong passwords may be tried: buckets that fill with every failed log-in and leak with time, for an account
//! from one address, for an account, and for an address.
//!
//! An attempt is counted before its password is hashed, and given back if the password fits: however many come at once,
//! no more are hashed than fit in. What is refused is not counted. So nobody is locked out for good, and where an account
//! was logged in to before, the strangers who fill its bucket from elsewhere lock out nobody.
//!
//! `rows.rs` has the statements.

mod rows;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::Millis;

pub use rows::TABLES;

/// How long an account remembers an address that it was logged in from.
pub const PLACE_KEPT: Millis = 30 * DAY;
/// How many addresses an account remembers: those of its last log-ins.
pub const PLACES: u32 = 20;

const DAY: Millis = 24 * 60 * 60 * 1000;

/// The size of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many failed attempts fill it.
    pub attempts: u32,
    /// How long a full one takes to run empty, in milliseconds.
    pub window: Millis,
}

/// The sizes of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one account from one address.
    pub both: Limit,
    /// Of one account, from all addresses but those it was logged in from before.
    pub account: Limit,
    /// Of one address, whatever the account.
    pub address: Limit,
}

impl Limit {
    /// How long one attempt takes to leak out. Rounded up: a window never takes more attempts than it should.
    fn drip(self) -> Millis {
        let attempts = Millis::from(self.attempts.max(1));
        (self.window + attempts - 1) / attempts
    }

    /// A bucket that is empty by then takes one more now.
    fn has_room_until(self, now: Millis) -> Millis {
        now + self.drip() * (Millis::from(self.attempts.max(1)) - 1)
    }
}

/// What an attempt to log in counts as.
pub struct Attempt {
    account: String,
    address: String,
    both: String,
    /// Whether there is an address to remember. What has none is one place for all the world.
    has_place: bool,
}

/// A bucket by its key, with its size.
struct Bucket<'a> {
    of: &'static str,
    key: &'a str,
    limit: Limit,
}

/// What an attempt that may go on holds.
pub struct Admitted<'a> {
    attempt: &'a Attempt,
    buckets: Vec<Bucket<'a>>,
}

/// Why an attempt may not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// A bucket is full; all have room in so many seconds.
    Full {
        /// At least 1.
        seconds: u32,
        /// Whose bucket it is that is full for so long.
        of: &'static str,
    },
    /// The database does not answer.
    Sql(SqlError),
}

impl From<SqlError> for Refused {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl Attempt {
    /// An attempt to log in to the account of `email` (in lower case), whether there is one or not, from `address`.
    pub fn new(email: &str, address: Option<IpAddr>) -> Self {
        let place = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        Self {
            account: key("account", email),
            address: key("address", &place),
            // A client's address holds no white space, so the last one is between the two.
            both: key("both", &format!("{email} {place}")),
            has_place: address.is_some(),
        }
    }

    /// Counts the attempt, unless one of its buckets is full.
    pub fn admit(
        &self,
        db: &dyn Database,
        limits: &Limits,
        now: Millis,
    ) -> Result<Admitted<'_>, Refused> {
        let known = self.has_place && rows::is_known(db, &self.both, now - PLACE_KEPT)?;
        let buckets = self.buckets(limits, known);
        // Looked at first, so that what is refused costs others no turn to write.
        wait(db, &buckets, now)?;
        let counted = transaction(db, &self.account, || {
            for bucket in &buckets {
                if !rows::count(db, bucket, now)? {
                    let (seconds, of) = (1, bucket.of);
                    return Err(Refused::Full { seconds, of });
                }
            }
            Ok(())
        });
        if matches!(counted, Err(Refused::Full { .. })) {
            // Others were faster; what they left says for how long.
            wait(db, &buckets, now)?;
        }
        counted?;
        rows::sweep(db, now)?;
        Ok(Admitted {
            attempt: self,
            buckets,
        })
    }

    /// In the order of their keys, in which every writer takes them.
    fn buckets(&self, limits: &Limits, known: bool) -> Vec<Bucket<'_>> {
        let mut buckets = vec![
            Bucket {
                of: "address",
                key: &self.address,
                limit: limits.address,
            },
            Bucket {
                of: "account and address",
                key: &self.both,
                limit: limits.both,
            },
        ];
        if !known {
            buckets.push(Bucket {
                of: "account",
                key: &self.account,
                limit: limits.account,
            });
        }
        buckets.sort_unstable_by_key(|bucket| bucket.key);
        buckets
    }
}

impl Admitted<'_> {
    /// The password fits: nothing failed, and the account knows this address from now on.
    pub fn succeeded(&self, db: &dyn Database, now: Millis) -> Result<(), SqlError> {
        transaction(db, &self.attempt.account, || {
            for bucket in &self.buckets {
                if bucket.key == self.attempt.both {
                    rows::empty(db, bucket)?;
                } else {
                    rows::give_back(db, bucket)?;
                }
            }
            Ok::<_, SqlError>(())
        })?;
        if self.attempt.has_place {
            rows::remember(db, &self.attempt.both, &self.attempt.account, now)?;
        }
        Ok(())
    }
}

/// `Err` for as long as one of the buckets is full.
fn wait(db: &dyn Database, buckets: &[Bucket<'_>], now: Millis) -> Result<(), Refused> {
    let mut longest = (0, "");
    for bucket in buckets {
        if let Some(empty_at) = rows::empty_at(db, bucket)? {
            longest = longest.max((empty_at - bucket.limit.has_room_until(now), bucket.of));
        }
    }
    let (millis, of) = longest;
    if millis == 0 {
        return Ok(());
    }
    let seconds = u32::try_from((millis + 999) / 1000).unwrap_or(u32::MAX);
    Err(Refused::Full { seconds, of })
}

/// Digests: what people type where an address belongs, at times a password, is kept nowhere.
fn key(kind: &str, of: &str) -> String {
    let digest = Sha256::digest(format!("{kind} {of}"));
    URL_SAFE_NO_PAD.encode(digest)
}
