//! Reports an error at the location of a string in the manifest.

use crate::fault::Faults;
use crate::reader::Text;

/// Records an error with the location and the key of `at`.
pub(super) fn report_fault(faults: &Faults<'_>, at: &Text, message: impl Into<String>) {
    faults.push(Some(at.offset), &at.key, message);
}
