//! The database of a service: PostgreSQL if `database_url` is set, else Spin's SQLite.

use spin_sdk::pg4;

use super::variables::variable;
use crate::problem::Problem;
use crate::sql::postgres::{self, Driver, DriverError, Postgres};
use crate::sql::{Database, Rows, Schema, SqlError, Value};

/// Opens the database and migrates it to `schema`.
pub fn open_database(schema: &Schema) -> Result<Box<dyn Database>, Problem> {
    let url = variable("database_url").filter(|url| !url.is_empty());
    let db: Box<dyn Database> = match url {
        Some(url) => {
            let url = postgres::service_url(&url, schema.service);
            let connection =
                pg4::Connection::open(&url).map_err(|e| SqlError::from(driver_error(e)))?;
            Box::new(Postgres::new(SpinPostgres(connection))?)
        }
        None => Box::new(SpinSqlite::open()?),
    };
    schema.ensure(&*db)?;
    Ok(db)
}

/// Spin's SQLite database with the label `default`.
struct SpinSqlite(spin_sdk::sqlite3::Connection);

impl SpinSqlite {
    fn open() -> Result<Self, SqlError> {
        let connection = spin_sdk::sqlite3::Connection::open_default();
        connection.map(Self).map_err(sql_error)
    }
}

fn sql_error(error: spin_sdk::sqlite3::Error) -> SqlError {
    match error {
        spin_sdk::sqlite3::Error::Io(message) => SqlError::from_message(message),
        other => SqlError::Other(other.to_string()),
    }
}

impl Database for SpinSqlite {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        use spin_sdk::sqlite3::Value as Spin;
        let params: Vec<Spin> = params
            .iter()
            .map(|value| match value {
                Value::Null => Spin::Null,
                Value::Integer(v) => Spin::Integer(*v),
                Value::Text(v) => Spin::Text(v.clone()),
            })
            .collect();
        let result = self.0.execute(statement, &params).map_err(sql_error)?;
        let rows = result
            .rows
            .into_iter()
            .map(|row| {
                row.values
                    .into_iter()
                    .map(from_spin)
                    .collect::<Result<_, _>>()
            })
            .collect::<Result<_, _>>()?;
        Ok(Rows::new(statement, rows))
    }
}

fn from_spin(value: spin_sdk::sqlite3::Value) -> Result<Value, SqlError> {
    use spin_sdk::sqlite3::Value as Spin;
    match value {
        Spin::Null => Ok(Value::Null),
        Spin::Integer(v) => Ok(Value::Integer(v)),
        Spin::Text(v) => Ok(Value::Text(v)),
        Spin::Real(_) | Spin::Blob(_) => Err(SqlError::Other(
            "a column has an unsupported type; expected NULL, an integer or text".to_owned(),
        )),
    }
}

/// PostgreSQL through Spin's interface `spin:postgres`.
struct SpinPostgres(pg4::Connection);

impl Driver for SpinPostgres {
    fn query(&self, statement: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, DriverError> {
        use pg4::DbValue;
        let result = self
            .0
            .query(statement, &to_spin(params))
            .map_err(driver_error)?;
        let value = |value| match value {
            DbValue::DbNull => Ok(Value::Null),
            DbValue::Int64(v) => Ok(Value::Integer(v)),
            DbValue::Int32(v) => Ok(Value::Integer(v.into())),
            DbValue::Boolean(v) => Ok(Value::Integer(v.into())),
            DbValue::Str(v) => Ok(Value::Text(v)),
            _ => Err(DriverError {
                code: None,
                message: "a column has an unsupported type; expected NULL, an integer or text"
                    .to_owned(),
            }),
        };
        let row = |row: Vec<DbValue>| row.into_iter().map(value).collect();
        result.rows.into_iter().map(row).collect()
    }

    fn execute(&self, statement: &str, params: &[Value]) -> Result<(), DriverError> {
        let changed = self.0.execute(statement, &to_spin(params));
        changed.map(drop).map_err(driver_error)
    }
}

fn to_spin(params: &[Value]) -> Vec<pg4::ParameterValue> {
    use pg4::ParameterValue;
    let params = params.iter().map(|value| match value {
        Value::Null => ParameterValue::DbNull,
        Value::Integer(v) => ParameterValue::Int64(*v),
        Value::Text(v) => ParameterValue::Str(v.clone()),
    });
    params.collect()
}

fn driver_error(error: pg4::PgError) -> DriverError {
    use pg4::{PgError as Error, QueryError};
    let (code, message) = match error {
        Error::QueryFailed(QueryError::DbError(error)) => (Some(error.code), error.as_text),
        Error::QueryFailed(QueryError::Text(text))
        | Error::ConnectionFailed(text)
        | Error::BadParameter(text)
        | Error::ValueConversionFailed(text)
        | Error::Other(text) => (None, text),
    };
    DriverError { code, message }
}
