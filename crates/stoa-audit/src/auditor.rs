//! Looks at a shop, and looks again at what looks wrong.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant as Clock};

use uuid::Uuid;

use crate::invariants::INVARIANTS;
use crate::look::Look;
use crate::record::{Instant, OrderStatus};
use crate::shop::{AuditError, Shop};
use crate::verdict::{Judgement, Verdict};

/// How often one audit looks at most. What comes up at the last look for the first time is left to the next audit.
const LOOKS: u32 = 4;

/// Whether third parties' books are read: the card processor's ledger and the carrier's book, as `components/partners` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThirdParties {
    /// Where they answer something else than 404.
    WhereThere,
    /// Not at all.
    Never,
}

/// How to audit.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where an operator may read everything, such as `http://127.0.0.1:8081`.
    pub operator: String,
    /// Whether third parties' books are read.
    pub third_parties: ThirdParties,
    /// How long an order may be pending.
    pub stuck_after: Duration,
    /// How long an event or a message may wait, and a carrier be left to believe in a cancelled parcel.
    pub undelivered_after: Duration,
    /// How long after what looks wrong is looked at again.
    pub look_again_after: Duration,
}

impl Options {
    /// Order's `max_pending_seconds` and one lease, as they are unless set.
    pub const STUCK_AFTER: Duration = Duration::from_secs(900 + 60);
    /// Longer than notification has a message before it gives up: twelve tries of 5 s at most, and between them 1, 2, ... 256,
    /// 300 and 300 s, which is 1,111 s.
    pub const UNDELIVERED_AFTER: Duration = Duration::from_secs(25 * 60);
    /// Longer than most requests.
    pub const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

    /// The bounds of a shop whose settings are the defaults.
    pub fn new(operator: impl Into<String>) -> Self {
        Self {
            operator: operator.into(),
            third_parties: ThirdParties::WhereThere,
            stuck_after: Self::STUCK_AFTER,
            undelivered_after: Self::UNDELIVERED_AFTER,
            look_again_after: Self::LOOK_AGAIN_AFTER,
        }
    }
}

/// Audits the shop once.
///
/// # Errors
/// If something cannot be read: then nothing is known.
pub async fn audit(options: &Options) -> Result<Verdict, AuditError> {
    Auditor::new(options.clone())?.audit().await
}

/// Audits a shop again and again, and remembers since when it sees an order pending.
#[derive(Debug)]
pub struct Auditor {
    options: Options,
    shop: Shop,
    pending: BTreeMap<Uuid, Instant>,
}

impl Auditor {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// If the operator's address is none.
    pub fn new(options: Options) -> Result<Self, AuditError> {
        Ok(Self {
            shop: Shop::new(&options.operator)?,
            options,
            pending: BTreeMap::new(),
        })
    }

    /// Audits the shop once.
    ///
    /// # Errors
    /// If something cannot be read: then nothing is known.
    pub async fn audit(&mut self) -> Result<Verdict, AuditError> {
        let begun = Clock::now();
        let (mut look, mut found) = self.look().await?;
        let mut looks = 1;
        let mut known = HashSet::new();
        let mut settled = vec![0_u64; found.len()];
        while looks < LOOKS && found.iter().any(|j| is_news(j, &known)) {
            known = accused(&found);
            tokio::time::sleep(self.options.look_again_after).await;
            let before = found;
            (look, found) = self.look().await?;
            looks += 1;
            for ((settled, before), after) in settled.iter_mut().zip(&before).zip(&found) {
                let right = before
                    .breaches
                    .iter()
                    .filter(|b| !after.accuses(&b.subject));
                *settled += u64::try_from(right.count()).unwrap_or(u64::MAX);
            }
        }
        for (judgement, settled) in found.iter_mut().zip(settled) {
            let all = judgement.breaches.len();
            let name = judgement.invariant;
            judgement
                .breaches
                .retain(|breach| known.contains(&(name, breach.subject.clone())));
            let unsure = all - judgement.breaches.len();
            judgement.settled = settled.saturating_add(u64::try_from(unsure).unwrap_or(u64::MAX));
        }
        let ledger = look
            .entries
            .is_some()
            .then_some("the card processor's ledger");
        let book = look.parcels.is_some().then_some("the carrier's book");
        Ok(Verdict {
            sound: found.iter().all(|judgement| judgement.breaches.is_empty()),
            at: look.now.to_string(),
            seconds: begun.elapsed().as_secs_f64(),
            looks,
            books: ledger.into_iter().chain(book).collect(),
            given_up: look.queues.iter().map(|(_, queue)| queue.failed).sum(),
            judgements: found,
        })
    }

    async fn look(&mut self) -> Result<(Look, Vec<Judgement>), AuditError> {
        let mut look = Look::take(&self.shop, self.options.third_parties).await?;
        self.remember(&mut look);
        let judge = |invariant| {
            let mut judgement = Judgement::new(invariant);
            (invariant.check)(&look, &self.options, &mut judgement);
            judgement
        };
        let found = INVARIANTS.iter().map(judge).collect();
        Ok((look, found))
    }

    /// An order's own times tell less than it is seen for, where its first step back is tried over and over.
    fn remember(&mut self, look: &mut Look) {
        let pending = look
            .orders
            .values_mut()
            .filter(|o| o.status == OrderStatus::Pending);
        let mut seen = BTreeMap::new();
        for order in pending {
            if let Some(since) = self.pending.get(&order.order_id) {
                order.since = order.since.min(*since);
            }
            seen.insert(order.order_id, order.since);
        }
        self.pending = seen;
    }
}

type Accused = HashSet<(&'static str, String)>;

fn accused(found: &[Judgement]) -> Accused {
    let of = |j: &Judgement| {
        let name = j.invariant;
        let subjects = j.breaches.iter().map(move |b| (name, b.subject.clone()));
        subjects.collect::<Vec<_>>()
    };
    found.iter().flat_map(of).collect()
}

/// Whether something looks wrong that did not at the look before.
fn is_news(judgement: &Judgement, known: &Accused) -> bool {
    let name = judgement.invariant;
    let mut subjects = judgement
        .breaches
        .iter()
        .map(|breach| breach.subject.clone());
    subjects.any(|subject| !known.contains(&(name, subject)))
}
