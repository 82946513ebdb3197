//! A table as istioctl prints it: aligned columns, without lines between them.

use comfy_table::presets::NOTHING;
use serde_json::{Map, Value};

/// Spaces between two columns.
const GAP: u16 = 3;

pub(super) struct Table {
    shown: comfy_table::Table,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(columns: [&'static str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_header(columns);
        for column in table.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        Self {
            shown: table,
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
        self.shown.add_row(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, or `empty_text` if the table has no rows.
    pub(super) fn or(self, empty_text: &str) -> String {
        if self.is_empty() {
            return format!("{empty_text}\n");
        }
        format!("{}\n", self.shown.trim_fmt())
    }
}

impl Table {
    /// The rows as JSON objects. The keys are the columns' names in lower case.
    pub(super) fn objects(&self) -> Vec<Map<String, Value>> {
        let object = |row: &Vec<String>| {
            let members = self.columns.iter().zip(row);
            let members = members.map(|(column, cell)| {
                let cell = Some(cell).filter(|cell| *cell != "-");
                (
                    column.to_lowercase().replace(' ', "_"),
                    cell.map_or(Value::Null, |c| c.as_str().into()),
                )
            });
            members.collect()
        };
        self.rows.iter().map(object).collect()
    }
}

/// Returns `text`, or `-` if it is empty.
pub(super) fn or_dash(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}
