//! Runs SQL on PostgreSQL. The first line of a request's body is the address of the server. Each further line is a statement, and
//! all statements use the same connection. The response has one line per statement. The line `TRAP` makes the guest trap.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;
use spin_sdk::pg4::{Connection, ParameterValue, PgError as Error, QueryError};

#[http_component]
fn sql(request: Request) -> impl IntoResponse {
    let body = String::from_utf8_lossy(request.body()).into_owned();
    let mut lines = body.lines();
    let address = lines.next().unwrap_or_default();
    let connection = match Connection::open(address) {
        Ok(connection) => connection,
        Err(error) => return Response::new(200, describe(&error)),
    };
    let mut answer = String::new();
    for line in lines {
        let result = match line {
            "TRAP" => std::process::abort(),
            "VALUES" => values(&connection),
            _ if line.starts_with("COUNT ") => connection
                .execute(line.trim_start_matches("COUNT "), &[])
                .map(|count| count.to_string()),
            _ => connection
                .query(line, &[])
                .map(|result| format!("{:?}", result.rows)),
        };
        answer += &result.unwrap_or_else(|error| describe(&error));
        answer += "\n";
    }
    Response::new(200, answer)
}

fn describe(error: &Error) -> String {
    match error {
        Error::QueryFailed(QueryError::DbError(error)) => {
            format!("{} {}", error.code, error.message)
        }
        other => format!("{other:?}"),
    }
}

/// Sends a value of each type as a parameter, and reads the values back.
fn values(connection: &Connection) -> Result<String, Error> {
    use ParameterValue as P;
    let sent = [
        P::Boolean(true),
        P::Int16(i16::MIN),
        P::Int32(i32::MIN),
        P::Int64(i64::MIN),
        P::Floating32(0.25),
        P::Floating64(0.5),
        P::Str("grün".to_owned()),
        P::Binary(vec![0, 255]),
        P::Date((2026, 2, 28)),
        P::Time((23, 59, 58, 1_000)),
        P::Datetime((2026, 2, 28, 23, 59, 58, 1_000)),
        P::Datetime((2026, 2, 28, 23, 59, 58, 0)),
        P::Uuid("0191d3f1-0000-7000-8000-000000000001".to_owned()),
        P::Jsonb(br#"{"a": 1}"#.to_vec()),
        P::ArrayInt32(vec![Some(1), None]),
        P::ArrayInt64(vec![Some(2)]),
        P::ArrayStr(vec![Some("x".to_owned())]),
        P::DbNull,
    ];
    let types = [
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "text",
        "bytea",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "jsonb",
        "int4[]",
        "int8[]",
        "text[]",
        "int8",
    ];
    let columns: Vec<_> = types
        .iter()
        .enumerate()
        .map(|(index, ty)| format!("${}::{ty}", index + 1))
        .collect();
    let found = connection.query(&format!("SELECT {}", columns.join(", ")), &sent)?;
    let values = found.rows.first().into_iter().flatten();
    let values: Vec<_> = values.map(|value| format!("{value:?}")).collect();
    Ok(values.join(" "))
}
