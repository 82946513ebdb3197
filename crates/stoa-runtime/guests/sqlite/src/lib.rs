//! Runs SQL on SQLite. A request's body has one statement per line, and all statements use the same connection. The response has
//! one line per statement.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;
use spin_sdk::{sqlite, sqlite3};

#[http_component]
fn sql(request: Request) -> impl IntoResponse {
    let body = String::from_utf8_lossy(request.body()).into_owned();
    let lines = body.lines();
    let database = if request.query().is_empty() {
        "default"
    } else {
        request.query()
    };
    let answer = match request.path() {
        "/v2" => run_v2(database, lines),
        "/v3" => run_v3(database, lines),
        "/values" => values(),
        _ => "no such path".to_owned(),
    };
    Response::new(200, answer)
}

fn run_v2<'a>(database: &str, lines: impl Iterator<Item = &'a str>) -> String {
    let connection = match sqlite::Connection::open(database) {
        Ok(connection) => connection,
        Err(error) => return format!("{error:?}\n"),
    };
    let mut answer = String::new();
    for line in lines {
        answer += &match connection.execute(line, &[]) {
            Ok(result) => format!(
                "{:?}\n",
                result.rows.iter().map(|r| &r.values).collect::<Vec<_>>()
            ),
            Err(error) => format!("{error:?}\n"),
        };
    }
    answer
}

fn run_v3<'a>(database: &str, lines: impl Iterator<Item = &'a str>) -> String {
    let connection = match sqlite3::Connection::open(database) {
        Ok(connection) => connection,
        Err(error) => return format!("{error:?}\n"),
    };
    let mut answer = String::new();
    for line in lines {
        let result = match line {
            "TRAP" => std::process::abort(),
            "CHANGES" => Ok(connection.changes().to_string()),
            "ROWID" => Ok(connection.last_insert_rowid().to_string()),
            sql => connection.execute(sql, &[]).map(|result| {
                let rows: Vec<_> = result.rows.iter().map(|r| &r.values).collect();
                format!("{rows:?}")
            }),
        };
        answer += &result.unwrap_or_else(|error| format!("{error:?}"));
        answer += "\n";
    }
    answer
}

/// Sends a value of each type as a parameter, and reads the values back.
fn values() -> String {
    use sqlite3::Value;
    let sent = [
        Value::Integer(i64::MIN),
        Value::Real(0.5),
        Value::Text("grün".to_owned()),
        Value::Blob(vec![0, 255]),
        Value::Null,
    ];
    let result = sqlite3::Connection::open_default()
        .and_then(|c| c.execute("SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e", &sent));
    match result {
        Ok(result) => format!(
            "{:?} {:?}",
            result.columns,
            result.rows.first().map(|r| &r.values)
        ),
        Err(error) => format!("{error:?}"),
    }
}
