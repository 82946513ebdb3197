//! Faults at a text of the file.

use crate::fault::Faults;
use crate::reader::Text;

/// Records a fault at `at`.
pub(super) fn fault(faults: &Faults<'_>, at: &Text, message: impl Into<String>) {
    faults.push(Some(at.offset), &at.key, message);
}
