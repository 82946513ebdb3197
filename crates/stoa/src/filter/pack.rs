//! `stoa filter pack`.

use stoa_filter_image::layout;

use super::{PackArgs, of_layout, packed};
use crate::check::print;
use crate::exit::{Code, Failure};

/// Runs the command.
pub(super) fn run(arguments: &PackArgs) -> Result<(), Failure> {
    let packed = packed(&arguments.file, &arguments.labels)?;
    layout::write(&arguments.out, &packed.image, &packed.reference)
        .map_err(|error| of_layout(&error, Code::CannotCreate))?;
    print(&format!(
        "image: {}\nabi: proxy-wasm {}\ndigest: {}\nsize: {} bytes\n",
        packed.reference,
        packed.abi,
        packed.image.digest(),
        packed.image.size()
    ))
}
