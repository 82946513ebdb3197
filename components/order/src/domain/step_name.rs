//! The name of a saga step outside the saga.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use strum::EnumString;

/// The word of a step, of a compensation, or of a final state: the same in the database, in JSON and in the timeline.
///
/// Any word can be read: an order that another release began may be at a step that this release does not have. Only the
/// driver needs to know the step (`saga/plan.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StepName(Cow<'static, str>);

impl StepName {
    /// The order has ended.
    pub const DONE: Self = Self::new("done");

    /// The name with this word.
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for StepName {
    fn from(word: String) -> Self {
        Self(Cow::Owned(word))
    }
}

impl PartialEq<str> for StepName {
    fn eq(&self, word: &str) -> bool {
        self.0 == word
    }
}

impl PartialEq<&str> for StepName {
    fn eq(&self, word: &&str) -> bool {
        self.0 == *word
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A point at which a test ends the driver: `charging:after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailPoint {
    /// The step or compensation.
    pub step: StepName,
    /// Before or after its call.
    pub moment: Moment,
}

/// A moment around a step's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Moment {
    /// The intent is written; the call was not made.
    Before,
    /// The call was made; its outcome is not written.
    After,
}

/// Text that is not a [`FailPoint`].
#[derive(Debug, thiserror::Error)]
#[error("not a step and `before` or `after`, such as `charging:after`")]
pub struct BadFailPoint;

impl FromStr for FailPoint {
    type Err = BadFailPoint;

    fn from_str(text: &str) -> Result<Self, BadFailPoint> {
        let (step, moment) = text.split_once(':').ok_or(BadFailPoint)?;
        Ok(Self {
            step: StepName::from(step.to_owned()),
            moment: moment.parse().map_err(|_| BadFailPoint)?,
        })
    }
}
