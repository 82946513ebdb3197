//! Takes snapshots of a shop until every suspect is confirmed or cleared.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant as Clock;

use uuid::Uuid;

use crate::client::OperatorClient;
use crate::error::AuditError;
use crate::invariant::Invariant;
use crate::invariants::INVARIANTS;
use crate::judgement::Judgement;
use crate::options::Options;
use crate::record::{Instant, OrderStatus};
use crate::snapshot::Snapshot;
use crate::verdict::Verdict;

/// Maximum number of snapshots in one audit. A suspect that is new in the last snapshot is left to the next audit.
const MAX_SNAPSHOTS: u32 = 4;

/// Audits the shop once.
///
/// # Errors
/// If something cannot be read: then there is no verdict.
pub async fn audit(options: &Options) -> Result<Verdict, AuditError> {
    Auditor::new(options.clone())?.audit().await
}

/// Audits a shop repeatedly, and remembers since when it sees each order pending.
#[derive(Debug)]
pub struct Auditor {
    options: Options,
    client: OperatorClient,
    pending_since: BTreeMap<Uuid, Instant>,
}

/// Invariant and subject of each breach of a snapshot.
type Suspects = HashSet<(&'static str, String)>;

impl Auditor {
    /// Creates an auditor; sends no request yet.
    ///
    /// # Errors
    /// If the operator's address is invalid.
    pub fn new(options: Options) -> Result<Self, AuditError> {
        Ok(Self {
            client: OperatorClient::new(&options.operator)?,
            options,
            pending_since: BTreeMap::new(),
        })
    }

    /// Audits the shop once.
    ///
    /// # Errors
    /// If something cannot be read: then there is no verdict.
    pub async fn audit(&mut self) -> Result<Verdict, AuditError> {
        let begun = Clock::now();
        let (mut snapshot, mut judgements) = self.judge().await?;
        let mut snapshots = 1;
        let mut known = Suspects::new();
        let mut settled = vec![0_u64; judgements.len()];
        while snapshots < MAX_SNAPSHOTS && judgements.iter().any(|j| has_new(j, &known)) {
            known = suspects(&judgements);
            tokio::time::sleep(self.options.look_again_after).await;
            let before = judgements;
            (snapshot, judgements) = self.judge().await?;
            snapshots += 1;
            for ((settled, before), after) in settled.iter_mut().zip(&before).zip(&judgements) {
                *settled = settled.saturating_add(cleared(before, after));
            }
        }
        for (judgement, settled) in judgements.iter_mut().zip(settled) {
            let all = judgement.breaches.len();
            let name = judgement.invariant;
            judgement
                .breaches
                .retain(|breach| known.contains(&(name, breach.subject.clone())));
            let unconfirmed = number(all - judgement.breaches.len());
            judgement.settled = settled.saturating_add(unconfirmed);
        }
        Ok(Verdict {
            sound: judgements.iter().all(|j| j.breaches.is_empty()),
            at: snapshot.began_at.to_string(),
            seconds: begun.elapsed().as_secs_f64(),
            looks: snapshots,
            books: snapshot.books(),
            given_up: snapshot.queues.iter().map(|(_, queue)| queue.failed).sum(),
            judgements,
        })
    }

    /// Takes a snapshot, and checks every invariant.
    async fn judge(&mut self) -> Result<(Snapshot, Vec<Judgement>), AuditError> {
        let mut snapshot = Snapshot::take(&self.client, self.options.third_parties).await?;
        self.remember_pending(&mut snapshot);
        let judge = |invariant: &Invariant| invariant.judge(&snapshot, &self.options);
        let judgements = INVARIANTS.iter().map(judge).collect();
        Ok((snapshot, judgements))
    }

    /// Dates pending orders back to the earliest snapshot that saw them pending. While an order's first step back is retried, the order
    /// states only the time of the last attempt.
    fn remember_pending(&mut self, snapshot: &mut Snapshot) {
        let pending = snapshot
            .orders
            .values_mut()
            .filter(|order| order.status == OrderStatus::Pending);
        let mut pending_since = BTreeMap::new();
        for order in pending {
            if let Some(since) = self.pending_since.get(&order.order_id) {
                order.since = order.since.min(*since);
            }
            pending_since.insert(order.order_id, order.since);
        }
        self.pending_since = pending_since;
    }
}

fn suspects(judgements: &[Judgement]) -> Suspects {
    let of_one = |j: &Judgement| {
        let name = j.invariant;
        let subjects = j.breaches.iter().map(move |b| (name, b.subject.clone()));
        subjects.collect::<Vec<_>>()
    };
    judgements.iter().flat_map(of_one).collect()
}

/// Whether there is a suspect that the previous snapshot did not have.
fn has_new(judgement: &Judgement, known: &Suspects) -> bool {
    let name = judgement.invariant;
    let mut breaches = judgement.breaches.iter();
    breaches.any(|breach| !known.contains(&(name, breach.subject.clone())))
}

/// Number of suspects that are right in the next snapshot.
fn cleared(before: &Judgement, after: &Judgement) -> u64 {
    let right = before
        .breaches
        .iter()
        .filter(|breach| !after.accuses(&breach.subject));
    number(right.count())
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
