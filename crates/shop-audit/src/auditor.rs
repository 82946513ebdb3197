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

/// Maximum number of snapshots in one audit. If a record seems to break an invariant only in the audit's last snapshot, and not in
/// the snapshot before, the record is not reported. The next audit checks the record again.
const MAX_SNAPSHOTS: u32 = 4;

/// Audits the shop once.
///
/// # Errors
/// If a service or a record cannot be read. Then there is no verdict.
pub async fn audit(options: &Options) -> Result<Verdict, AuditError> {
    Auditor::new(options.clone())?.audit().await
}

/// Audits a shop repeatedly, and remembers when each pending order became pending.
#[derive(Debug)]
pub struct Auditor {
    options: Options,
    client: OperatorClient,
    pending_since: BTreeMap<Uuid, Instant>,
}

/// The suspects of one snapshot: the records that seem to break an invariant. Each entry has the invariant's name, and the kind and
/// the id of the record (`Breach::subject`).
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
    /// If a service or a record cannot be read. Then there is no verdict.
    pub async fn audit(&mut self) -> Result<Verdict, AuditError> {
        let begun = Clock::now();
        let (mut snapshot, mut judgements) = self.judge_snapshot().await?;
        let mut snapshots = 1;
        let mut known = Suspects::new();
        let mut settled = vec![0_u64; judgements.len()];
        while snapshots < MAX_SNAPSHOTS && judgements.iter().any(|j| has_new_suspect(j, &known)) {
            known = suspects(&judgements);
            tokio::time::sleep(self.options.recheck_after).await;
            let before = judgements;
            (snapshot, judgements) = self.judge_snapshot().await?;
            snapshots += 1;
            for ((settled, before), after) in settled.iter_mut().zip(&before).zip(&judgements) {
                *settled = settled.saturating_add(count_cleared(before, after));
            }
        }
        for (judgement, settled) in judgements.iter_mut().zip(settled) {
            let all = judgement.breaches.len();
            let name = judgement.invariant;
            judgement
                .breaches
                .retain(|breach| known.contains(&(name, breach.subject.clone())));
            let unconfirmed = to_u64(all - judgement.breaches.len());
            judgement.settled = settled.saturating_add(unconfirmed);
        }
        Ok(Verdict {
            sound: judgements.iter().all(|j| j.breaches.is_empty()),
            at: snapshot.began_at.to_string(),
            seconds: begun.elapsed().as_secs_f64(),
            snapshots,
            looks: snapshots,
            books: snapshot.books(),
            given_up: snapshot.queues.iter().map(|(_, queue)| queue.failed).sum(),
            judgements,
        })
    }

    /// Takes a snapshot, and checks every invariant.
    async fn judge_snapshot(&mut self) -> Result<(Snapshot, Vec<Judgement>), AuditError> {
        let mut snapshot = Snapshot::take(&self.client, self.options.third_parties).await?;
        self.remember_pending(&mut snapshot);
        let judge = |invariant: &Invariant| invariant.judge(&snapshot, &self.options);
        let judgements = INVARIANTS.iter().map(judge).collect();
        Ok((snapshot, judgements))
    }

    /// Sets `since` of each pending order to the earliest value that any snapshot has read for this order. One snapshot is not
    /// enough: while an order's first compensation is retried, the order's record states only the time of the latest attempt.
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
    let subjects_of = |j: &Judgement| {
        let name = j.invariant;
        let subjects = j.breaches.iter().map(move |b| (name, b.subject.clone()));
        subjects.collect::<Vec<_>>()
    };
    judgements.iter().flat_map(subjects_of).collect()
}

/// True if this snapshot found a suspect that is not in `known`, the suspects of the snapshot before it.
fn has_new_suspect(judgement: &Judgement, known: &Suspects) -> bool {
    let name = judgement.invariant;
    let mut breaches = judgement.breaches.iter();
    breaches.any(|breach| !known.contains(&(name, breach.subject.clone())))
}

/// Number of suspects in `before` that the next snapshot, `after`, finds correct.
fn count_cleared(before: &Judgement, after: &Judgement) -> u64 {
    let cleared = before
        .breaches
        .iter()
        .filter(|breach| !after.has_breach_of(&breach.subject));
    to_u64(cleared.count())
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
