//! Decides what happens to a request. The code does not call Envoy, so a test can decide a million times.

use std::time::SystemTime;

use nojson::RawJson;
use stoa_filter::chance::{Fraction, stable_roll};

use crate::config::{Config, HEADER_RULE, HeaderFaults, Rule};
use crate::delay::Delay;
use crate::fault::Fault;
use crate::fault_request::{FAULT_HEADER, FaultRequest};
use crate::matching::Matcher;
use crate::request::{Body, Request};

/// The decision for a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision<'c> {
    /// The request passes unchanged.
    Pass,
    /// The decision depends on the body, which has not arrived yet. The caller must call [`decide`] again when the body has
    /// arrived.
    AwaitBody,
    /// The request gets a fault, a delay or both.
    Inject(Injection<'c>),
    /// A caller that may request faults sent an invalid `x-stoa-fault`. The request passes unchanged. This variant holds the text
    /// of the error.
    Unreadable(String),
}

/// The injection of a fault, a delay or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Injection<'c> {
    /// The name of the rule that decided, or [`HEADER_RULE`].
    pub rule: &'c str,
    /// The fault. `None`: the request is only delayed.
    pub fault: Option<Fault>,
    /// The delay before the fault.
    pub delay: Option<Delay>,
}

/// Decides what happens to `request`. `dice` returns 64 random bits. All calls of `dice` for one request must return the same bits.
pub fn decide<'c>(
    config: &'c Config,
    request: &impl Request,
    body: Body<'_>,
    dice: &mut impl FnMut() -> u64,
    now: impl Fn() -> SystemTime,
) -> Decision<'c> {
    if !config.enabled {
        return Decision::Pass;
    }
    // The body is parsed at most once, and only when a rule tests a value in the body.
    let mut document: Option<Option<RawJson<'_>>> = None;
    let mut matches = |matcher: &Matcher| -> Option<bool> {
        if !matcher.matches_head(request) {
            return Some(false);
        }
        if matcher.body.is_empty() {
            return Some(true);
        }
        let Body::Complete(bytes) = body else {
            return None;
        };
        let document = document.get_or_insert_with(|| json(bytes));
        Some(matcher.matches_body(document.as_ref().map(RawJson::value)))
    };
    if let Some((allowed, requested)) = requested(config.header_faults.as_ref(), request) {
        match matches(&allowed.matcher) {
            None => return Decision::AwaitBody,
            Some(true) => {
                return match requested {
                    Ok(requested) if !requested.share.selects(dice()) => Decision::Pass,
                    Ok(requested) => Decision::Inject(Injection {
                        rule: HEADER_RULE,
                        fault: requested.fault,
                        delay: requested.delay,
                    }),
                    Err(error) => Decision::Unreadable(error),
                };
            }
            Some(false) => {}
        }
    }
    // If a rule has `fall_through`, the next matching rule uses the same draw. `drawn` holds the sum of the shares of the earlier
    // matching rules, and this draw.
    let mut drawn: Option<(Fraction, u64)> = None;
    for rule in &config.rules {
        if rule.until.is_some_and(|until| now() >= until) {
            continue;
        }
        match matches(&rule.matcher) {
            None => return Decision::AwaitBody,
            Some(false) => {}
            Some(true) => {
                let (before, roll) =
                    drawn.unwrap_or_else(|| (Fraction::NONE, draw(rule, request, dice)));
                let share = before + rule.share;
                if share.selects(roll) {
                    return Decision::Inject(Injection {
                        rule: &rule.name,
                        fault: rule.fault.clone(),
                        delay: rule.delay,
                    });
                }
                if !rule.fall_through {
                    return Decision::Pass;
                }
                drawn = Some((share, roll));
            }
        }
    }
    Decision::Pass
}

fn json(bytes: &[u8]) -> Option<RawJson<'_>> {
    RawJson::parse(str::from_utf8(bytes).ok()?).ok()
}

/// Returns the fault that the header `x-stoa-fault` requests. `None` if the header is missing, or if the caller may not request
/// faults.
fn requested<'c>(
    allowed: Option<&'c HeaderFaults>,
    request: &impl Request,
) -> Option<(&'c HeaderFaults, Result<FaultRequest, String>)> {
    let allowed = allowed?;
    let value = request.header(FAULT_HEADER)?;
    let text = String::from_utf8_lossy(&value);
    let (faults, parameters) = FaultRequest::split(&text);
    let knows_secret = allowed
        .secret
        .as_deref()
        .zip(FaultRequest::parameter(parameters, "secret"))
        .is_some_and(|(ours, theirs)| {
            bool::from(subtle::ConstantTimeEq::ct_eq(
                ours.as_bytes(),
                theirs.as_bytes(),
            ))
        });
    let is_listed = || {
        request.principal().is_some_and(|principal| {
            let is_caller = |identity: &String| identity.as_bytes() == principal;
            allowed.principals.iter().any(is_caller)
        })
    };
    (knows_secret || is_listed()).then(|| {
        let percentage = FaultRequest::parameter(parameters, "percentage");
        (allowed, FaultRequest::parse(faults, percentage))
    })
}

/// Returns the roll that decides whether the request belongs to the rule's share.
fn draw(rule: &Rule, request: &impl Request, dice: &mut impl FnMut() -> u64) -> u64 {
    let key = rule
        .hash_key
        .as_ref()
        .and_then(|key| Some((key, request.header(&key.header)?)));
    match key {
        Some((key, value)) => stable_roll(&key.seed, &value),
        None => dice(),
    }
}
