//! A table as istioctl prints it: columns, and no lines.

use comfy_table::presets::NOTHING;

/// Between two columns.
const GAP: u16 = 3;

pub(super) struct Table(comfy_table::Table);

impl Table {
    pub(super) fn new<const N: usize>(columns: [&str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_header(columns);
        for column in table.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        Self(table)
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.row_count() == 0
    }

    /// It, or what there is to say where it is empty.
    pub(super) fn or(self, nothing: &str) -> String {
        if self.is_empty() {
            return format!("{nothing}\n");
        }
        format!("{}\n", self.0.trim_fmt())
    }
}

/// What a cell says where there is nothing.
pub(super) fn or_dash(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}
