//! Decides what happens to a request. It is pure, so that a test can decide a million times.

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
    /// Nothing happens.
    Pass,
    /// It depends on the body: decide again when it has arrived.
    AwaitBody,
    /// A fault, a delay or both are injected.
    Act(Act<'c>),
    /// A caller that may request faults sent a header that cannot be read: nothing is injected. The text states why.
    Misread(String),
}

/// A fault, with or without a delay before it, or a delay alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Act<'c> {
    /// The rule's name, or [`HEADER_RULE`].
    pub rule: &'c str,
    /// The fault that the caller gets.
    pub fault: Option<Fault>,
    /// The delay before it.
    pub delay: Option<Delay>,
}

/// Decides what happens to `request`. `dice` returns 64 random bits, the same at every call for one request.
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
    // The body is parsed at most once, and only if a body test is reached.
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
                    Ok(requested) if !requested.share.takes(dice()) => Decision::Pass,
                    Ok(requested) => Decision::Act(Act {
                        rule: HEADER_RULE,
                        fault: requested.fault,
                        delay: requested.delay,
                    }),
                    Err(why) => Decision::Misread(why),
                };
            }
            Some(false) => {}
        }
    }
    // Rules that fall through share one draw. This holds the share that earlier rules used, and the draw.
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
                if share.takes(roll) {
                    return Decision::Act(Act {
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

/// What the header requests, if the caller may request faults.
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
    let is_named = || {
        request.principal().is_some_and(|principal| {
            let named = |one: &String| one.as_bytes() == principal;
            allowed.principals.iter().any(named)
        })
    };
    (knows_secret || is_named()).then(|| {
        let percentage = FaultRequest::parameter(parameters, "percentage");
        (allowed, FaultRequest::parse(faults, percentage))
    })
}

/// The roll that decides whether this request is in the rule's share.
fn draw(rule: &Rule, request: &impl Request, dice: &mut impl FnMut() -> u64) -> u64 {
    let key = rule
        .by
        .as_ref()
        .and_then(|key| Some((key, request.header(&key.header)?)));
    match key {
        Some((key, value)) => stable_roll(&key.seed, &value),
        None => dice(),
    }
}
