//! What happens to a request: pure, so that it can be asked a million times in a test.

use std::time::SystemTime;

use nojson::RawJson;
use stoa_filter::chance::{Fraction, stable_roll};

use crate::asked::{Asked, FAULT_HEADER};
use crate::config::{Config, HeaderFaults, Rule};
use crate::fault::{Delay, Fault};
use crate::matching::Matcher;

/// The name under which a fault is told and counted that was asked for by header.
pub const ASKED: &str = "asked";

/// What is known of a request. Every question may cost a call to Envoy, so none is asked in vain.
pub trait Request {
    /// The first value of a header, or a pseudo header, by its name in lower case.
    fn header(&self, name: &str) -> Option<Vec<u8>>;
    /// All values of a header that may be sent more than once.
    fn headers(&self, name: &str) -> Vec<Vec<u8>>;
    /// The caller's SPIFFE identity, from his certificate.
    fn principal(&self) -> Option<Vec<u8>>;
}

/// How much of the request's body is here.
#[derive(Debug, Clone, Copy)]
pub enum Body<'b> {
    /// It is still to come.
    NotYet,
    /// All of it; nothing, if there is none or it is longer than configured.
    Complete(&'b [u8]),
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision<'c> {
    /// Nothing.
    Pass,
    /// It depends on the body: ask again with it.
    AwaitBody,
    /// Something goes wrong.
    Act(Act<'c>),
    /// Someone who may ask for a fault did so in words that cannot be read: nothing is injected, and this is why.
    Misread(String),
}

/// What goes wrong: a fault, a delay before it, or a delay alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Act<'c> {
    /// The rule's name, or [`ASKED`].
    pub rule: &'c str,
    /// What the caller meets.
    pub fault: Option<Fault>,
    /// How long he waits before that.
    pub delay: Option<Delay>,
}

/// Whether something happens to `request`, and what. `dice` gives 64 random bits, the same at every call for one request;
/// `now` the time.
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
    // Read once, and only where a test of it is reached.
    let mut document: Option<Option<RawJson<'_>>> = None;
    let mut fits = |matcher: &Matcher| -> Option<bool> {
        if !matcher.fits_head(request) {
            return Some(false);
        }
        if matcher.body.is_empty() {
            return Some(true);
        }
        let Body::Complete(bytes) = body else {
            return None;
        };
        let document = document.get_or_insert_with(|| json(bytes));
        Some(matcher.fits_body(document.as_ref().map(RawJson::value)))
    };
    if let Some((allowed, asked)) = asked(config.header_faults.as_ref(), request) {
        match fits(&allowed.matcher) {
            None => return Decision::AwaitBody,
            Some(true) => {
                return match asked {
                    Ok(asked) if !asked.share.takes(dice()) => Decision::Pass,
                    Ok(asked) => Decision::Act(Act {
                        rule: ASKED,
                        fault: asked.fault,
                        delay: asked.delay,
                    }),
                    Err(why) => Decision::Misread(why),
                };
            }
            Some(false) => {}
        }
    }
    // Rules that fall through share one draw: what those before have taken of it, and the draw itself.
    let mut drawn: Option<(Fraction, u64)> = None;
    for rule in &config.rules {
        if rule.until.is_some_and(|until| now() >= until) {
            continue;
        }
        match fits(&rule.matcher) {
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

/// What is asked for by header, if whoever asks may.
fn asked<'c>(
    allowed: Option<&'c HeaderFaults>,
    request: &impl Request,
) -> Option<(&'c HeaderFaults, Result<Asked, String>)> {
    let allowed = allowed?;
    let value = request.header(FAULT_HEADER)?;
    let text = String::from_utf8_lossy(&value);
    let (wanted, rest) = Asked::split(&text);
    let knows = allowed
        .secret
        .as_deref()
        .zip(Asked::parameter(rest, "secret"))
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
    (knows || is_named()).then(|| {
        (
            allowed,
            Asked::parse(wanted, Asked::parameter(rest, "percentage")),
        )
    })
}

/// What decides whether this request is among the rule's share.
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
