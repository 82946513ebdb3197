//! Copies one order: in every table, each row that contains one of the order's ids. The copies get new ids.
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// SQL expressions for the copies, for one kind of database. Ids are UUIDs; a copy replaces the first eight digits of each id.
struct Dialect {
    /// The number of the copy, as eight hexadecimal digits.
    digits: &'static str,
    /// A table `n` whose column `i` contains the numbers from 1 to COUNT.
    numbers: &'static str,
}

const SQLITE: Dialect = Dialect {
    digits: "printf('%08x', n.i)",
    numbers: "(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < COUNT) SELECT i FROM c) AS n",
};
const POSTGRES: Dialect = Dialect {
    digits: "lpad(to_hex(n.i), 8, '0')",
    numbers: "generate_series(1, COUNT) AS n(i)",
};

/// A table. For each column: the name, and true if its values are texts.
struct Table {
    name: String,
    columns: Vec<(String, bool)>,
}

/// The ids by which the rows of an order are found (`marks`).
fn marks(order: &Value) -> Vec<String> {
    let at = |pointer: &str| {
        order
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };
    [
        "/order_id",
        "/payment/payment_id",
        "/shipment/shipment_id",
        "/shipment/tracking_number",
    ]
    .map(at)
    .to_vec()
}

fn of_the_order(table: &Table, marks: &[String]) -> String {
    let texts = table.columns.iter().filter(|(_, text)| *text);
    let conditions = texts.flat_map(|(column, _)| {
        marks
            .iter()
            .map(move |mark| format!("{column} LIKE '%{mark}%'"))
    });
    conditions.collect::<Vec<_>>().join(" OR ")
}

/// Builds the statement that makes `count` copies of all rows that contain one of the `marks`. `ids` are all ids in these rows.
fn copy(
    dialect: &Dialect,
    table: &Table,
    marks: &[String],
    ids: &BTreeSet<String>,
    count: u32,
) -> String {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let values = table.columns.iter().map(|(name, text)| {
        let mut value = format!("o.{name}");
        for id in ids.iter().filter(|_| *text) {
            let new = match id.len() {
                36 => format!("{} || '{}'", dialect.digits, &id[8..]),
                _ => format!("'{id}' || n.i"),
            };
            value = format!("replace({value}, '{id}', {new})");
        }
        value
    });
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} AS o CROSS JOIN {} WHERE {}",
        table.name,
        columns.join(", "),
        values.collect::<Vec<_>>().join(", "),
        table.name,
        dialect.numbers.replace("COUNT", &count.to_string()),
        of_the_order(table, marks)
    )
}

/// All ids that a copy replaces: the UUIDs in `texts`, and the `marks`.
fn ids(texts: &[String], marks: &[String]) -> BTreeSet<String> {
    let mut found: BTreeSet<_> = marks.iter().cloned().collect();
    for text in texts {
        let parts = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
        found.extend(
            parts
                .filter(|part| uuid::Uuid::parse_str(part).is_ok() && part.len() == 36)
                .map(str::to_owned),
        );
    }
    found
}

pub(crate) fn sqlite(path: &Path, order: &Value, count: u32) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -500000",
    )
    .unwrap();
    let marks = marks(order);
    let text = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement
            .query_map([], |row| row.get::<_, Option<String>>(0))
            .unwrap();
        rows.filter_map(Result::unwrap).collect()
    };
    let names =
        text("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'");
    db.execute_batch("BEGIN").unwrap();
    for name in names {
        let columns = text(&format!(
            "SELECT name || ' ' || type FROM pragma_table_info('{name}')"
        ));
        let columns = columns.iter().filter_map(|column| column.split_once(' '));
        let table = Table {
            name,
            columns: columns
                .map(|(name, kind)| (name.to_owned(), kind == "TEXT"))
                .collect(),
        };
        let found = contents(&table, &marks, &text);
        if !found.is_empty() {
            db.execute_batch(&copy(&SQLITE, &table, &marks, &ids(&found, &marks), count))
                .unwrap();
        }
    }
    db.execute_batch("COMMIT; PRAGMA journal_mode = WAL")
        .unwrap();
}

pub(crate) fn postgres(address: &str, order: &Value, count: u32) {
    let mut db = postgres::Client::connect(address, postgres::NoTls).unwrap();
    let marks = marks(order);
    let mut text = |sql: &str| -> Vec<String> {
        let rows = db.query(sql, &[]).unwrap();
        rows.iter()
            .filter_map(|row| row.get::<_, Option<String>>(0))
            .collect()
    };
    let names = text(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
    );
    let mut statements = Vec::new();
    for name in names {
        let columns = text(&format!(
            "SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_name = '{name}' ORDER BY ordinal_position"
        ));
        let columns = columns.iter().filter_map(|column| column.split_once(' '));
        let table = Table {
            name,
            columns: columns
                .map(|(name, kind)| (name.to_owned(), kind == "text"))
                .collect(),
        };
        let found = contents(&table, &marks, &mut text);
        if !found.is_empty() {
            statements.push(copy(&POSTGRES, &table, &marks, &ids(&found, &marks), count));
        }
    }
    for statement in statements {
        db.batch_execute(&statement).unwrap();
    }
    db.batch_execute("VACUUM ANALYZE").unwrap();
}

/// All text values in the order's rows.
fn contents(
    table: &Table,
    marks: &[String],
    mut text: impl FnMut(&str) -> Vec<String>,
) -> Vec<String> {
    let condition = of_the_order(table, marks);
    if condition.is_empty() {
        return Vec::new();
    }
    let texts = table.columns.iter().filter(|(_, text)| *text);
    texts
        .flat_map(|(column, _)| {
            text(&format!(
                "SELECT {column} FROM {} WHERE {condition}",
                table.name
            ))
        })
        .collect()
}
