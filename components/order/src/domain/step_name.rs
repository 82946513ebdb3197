//! The name of a saga step, for code that does not need the step itself.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use strum::EnumString;

/// The name of a step, a compensation or a final state. The database, JSON and the timeline use the same name.
///
/// A `StepName` can hold any text, because another release may have left an order at a step that this release does not have. Only
/// the driver rejects such an order (`saga/plan.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StepName(Cow<'static, str>);

impl StepName {
    /// The step name of an order that has ended.
    pub const DONE: Self = Self::new("done");

    /// A step name from a constant text.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for StepName {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl PartialEq<str> for StepName {
    fn eq(&self, name: &str) -> bool {
        self.0 == name
    }
}

impl PartialEq<&str> for StepName {
    fn eq(&self, name: &&str) -> bool {
        self.0 == *name
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A point at which a test makes the driver die, such as `charging:after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailPoint {
    /// The step or compensation at which the driver dies.
    pub step: StepName,
    /// Whether the driver dies before or after the call of the step.
    pub moment: Moment,
}

/// The moment before or after a step's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Moment {
    /// After the intent was written and before the call.
    Before,
    /// After the call and before its outcome is written.
    After,
}

/// The error for text that is not a [`FailPoint`].
#[derive(Debug, thiserror::Error)]
#[error("expected a step, a colon, and `before` or `after`, such as `charging:after`")]
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
