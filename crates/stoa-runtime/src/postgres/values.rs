//! Converts values between PostgreSQL and `spin:postgres@4.0.0`.
//!
//! Some types are not supported: decimals, ranges, intervals, and arrays of other types than int4, int8 and text. Parameters of
//! these types are rejected, and result values of these types are returned as `unsupported`.
#![expect(
    clippy::result_large_err,
    reason = "the bindings define this large error type, and errors are rare"
)]
use std::error::Error as _;

use bytes::BytesMut;
use jiff::civil::{Date, DateTime, Time};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

use crate::bindings::spin::postgres::postgres::{
    Column, DbDataType, DbError, DbValue, Error, ParameterValue, RowSet,
};

type Failure = Box<dyn std::error::Error + Sync + Send>;

/// A parameter of a statement.
#[derive(Debug)]
pub(crate) enum Parameter {
    Null,
    Value(Box<dyn ToSql + Sync + Send>),
}

impl ToSql for Parameter {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Value(value) => value.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Converts the guest's parameters to the types that the statement declares.
pub(super) fn parameters(
    statement: &Statement,
    given: Vec<ParameterValue>,
) -> Result<Vec<Parameter>, Error> {
    let wanted = statement.params();
    if wanted.len() != given.len() {
        return Err(Error::BadParameter(format!(
            "the statement has {} parameters, but {} values were given",
            wanted.len(),
            given.len()
        )));
    }
    let pairs = given.into_iter().zip(wanted).enumerate();
    let each = pairs.map(|(index, (value, ty))| {
        parameter(value, ty)
            .map_err(|why| Error::BadParameter(format!("${} ({ty}): {why}", index + 1)))
    });
    each.collect()
}

fn parameter(value: ParameterValue, ty: &Type) -> Result<Parameter, String> {
    fn convert<T: ToSql + Sync + Send + 'static>(value: T, ty: &Type) -> Result<Parameter, String> {
        if T::accepts(ty) {
            Ok(Parameter::Value(Box::new(value)))
        } else {
            Err("the given value has another type".to_owned())
        }
    }
    use ParameterValue as P;
    match value {
        P::DbNull => Ok(Parameter::Null),
        P::Boolean(v) => convert(v, ty),
        P::Int8(v) => convert(v, ty),
        P::Int16(v) => convert(v, ty),
        P::Int32(v) => convert(v, ty),
        P::Int64(v) | P::Timestamp(v) => convert(v, ty),
        P::Floating32(v) => convert(v, ty),
        P::Floating64(v) => convert(v, ty),
        P::Str(v) => convert(v, ty),
        P::Binary(v) => convert(v, ty),
        P::Date(v) => convert(date(v)?, ty),
        P::Time(v) => convert(time(v)?, ty),
        P::Datetime((y, m, d, h, min, s, nanos)) => {
            let at = DateTime::from_parts(date((y, m, d))?, time((h, min, s, nanos))?);
            if *ty == Type::TIMESTAMPTZ {
                let at = at.to_zoned(jiff::tz::TimeZone::UTC);
                return convert(at.map_err(|e| e.to_string())?.timestamp(), ty);
            }
            convert(at, ty)
        }
        P::Uuid(v) => convert(Uuid::parse_str(&v).map_err(|e| format!("{v}: {e}"))?, ty),
        P::Jsonb(v) => {
            let json: serde_json::Value = serde_json::from_slice(&v).map_err(|e| e.to_string())?;
            convert(json, ty)
        }
        P::ArrayInt32(v) => convert(v, ty),
        P::ArrayInt64(v) => convert(v, ty),
        P::ArrayStr(v) => convert(v, ty),
        P::Decimal(_)
        | P::RangeInt32(_)
        | P::RangeInt64(_)
        | P::RangeDecimal(_)
        | P::ArrayDecimal(_)
        | P::Interval(_) => Err(
            "the embedded runtime does not support decimals, ranges and intervals; send text, and cast the text in the statement".to_owned(),
        ),
    }
}

fn date((year, month, day): (i32, u8, u8)) -> Result<Date, String> {
    let small = |part: u8| i8::try_from(part).unwrap_or(i8::MAX);
    let year = i16::try_from(year).unwrap_or(i16::MAX);
    Date::new(year, small(month), small(day)).map_err(|error| error.to_string())
}

fn time((hour, minute, second, nanos): (u8, u8, u8, u32)) -> Result<Time, String> {
    let small = |part: u8| i8::try_from(part).unwrap_or(i8::MAX);
    let nanos = i32::try_from(nanos).unwrap_or(i32::MAX);
    Time::new(small(hour), small(minute), small(second), nanos).map_err(|error| error.to_string())
}

/// Converts the rows of a result to values of the interface.
pub(crate) fn rows(statement: &Statement, rows: &[Row]) -> Result<RowSet, Error> {
    let columns = statement.columns().iter().map(|column| Column {
        name: column.name().to_owned(),
        data_type: data_type(column.type_()),
    });
    let values = |row: &Row| {
        let each = row.columns().iter().enumerate();
        let each = each.map(|(index, column)| value(row, index, column.type_()));
        each.collect::<Result<Vec<_>, _>>()
    };
    Ok(RowSet {
        columns: columns.collect(),
        rows: rows.iter().map(values).collect::<Result<_, _>>()?,
    })
}

fn data_type(ty: &Type) -> DbDataType {
    use DbDataType as D;
    match *ty {
        Type::BOOL => D::Boolean,
        Type::CHAR => D::Int8,
        Type::INT2 => D::Int16,
        Type::INT4 => D::Int32,
        Type::INT8 => D::Int64,
        Type::FLOAT4 => D::Floating32,
        Type::FLOAT8 => D::Floating64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => D::Str,
        Type::BYTEA => D::Binary,
        Type::DATE => D::Date,
        Type::TIME => D::Time,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => D::Datetime,
        Type::UUID => D::Uuid,
        Type::JSONB => D::Jsonb,
        Type::NUMERIC => D::Decimal,
        Type::INT4_ARRAY => D::ArrayInt32,
        Type::INT8_ARRAY => D::ArrayInt64,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => D::ArrayStr,
        Type::INTERVAL => D::Interval,
        _ => D::Other(ty.name().to_owned()),
    }
}

fn value(row: &Row, index: usize, ty: &Type) -> Result<DbValue, Error> {
    fn read<'r, T: FromSql<'r>>(
        row: &'r Row,
        index: usize,
        into: impl FnOnce(T) -> DbValue,
    ) -> Result<DbValue, Error> {
        let value = row.try_get::<_, Option<T>>(index);
        let value = value.map_err(|error| {
            let why = error
                .source()
                .map_or(error.to_string(), ToString::to_string);
            Error::ValueConversionFailed(format!("column {index}: {why}"))
        })?;
        Ok(value.map_or(DbValue::DbNull, into))
    }
    use DbValue as V;
    match *ty {
        Type::BOOL => read(row, index, V::Boolean),
        Type::CHAR => read(row, index, V::Int8),
        Type::INT2 => read(row, index, V::Int16),
        Type::INT4 => read(row, index, V::Int32),
        Type::INT8 => read(row, index, V::Int64),
        Type::FLOAT4 => read(row, index, V::Floating32),
        Type::FLOAT8 => read(row, index, V::Floating64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => read(row, index, V::Str),
        Type::BYTEA => read(row, index, V::Binary),
        Type::DATE => read(row, index, |at| V::Date(date_parts(at))),
        Type::TIME => read(row, index, |at| V::Time(time_parts(at))),
        Type::TIMESTAMP => read(row, index, datetime),
        Type::TIMESTAMPTZ => read(row, index, |at: jiff::Timestamp| {
            datetime(at.to_zoned(jiff::tz::TimeZone::UTC).datetime())
        }),
        Type::UUID => read(row, index, |id: Uuid| V::Uuid(id.to_string())),
        Type::JSONB => read(row, index, |json: serde_json::Value| {
            V::Jsonb(json.to_string().into_bytes())
        }),
        Type::INT4_ARRAY => read(row, index, V::ArrayInt32),
        Type::INT8_ARRAY => read(row, index, V::ArrayInt64),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => read(row, index, V::ArrayStr),
        _ => read(row, index, |Raw(bytes)| V::Unsupported(bytes)),
    }
}

fn datetime(at: DateTime) -> DbValue {
    let ((year, month, day), (hour, minute, second, nanos)) =
        (date_parts(at.date()), time_parts(at.time()));
    DbValue::Datetime((year, month, day, hour, minute, second, nanos))
}

fn date_parts(at: Date) -> (i32, u8, u8) {
    let small = |part: i8| part.unsigned_abs();
    (at.year().into(), small(at.month()), small(at.day()))
}

fn time_parts(at: Time) -> (u8, u8, u8, u32) {
    let small = |part: i8| part.unsigned_abs();
    let nanos = at.subsec_nanosecond().unsigned_abs();
    (
        small(at.hour()),
        small(at.minute()),
        small(at.second()),
        nanos,
    )
}

/// The bytes of a value of an unsupported type, as the server sent them.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Converts an error that the server returned, with all its fields. `as_text` is the text of the error and its causes.
pub(super) fn db_error(error: &tokio_postgres::error::DbError, as_text: String) -> DbError {
    let more = [
        ("hint", error.hint()),
        ("where", error.where_()),
        ("schema", error.schema()),
        ("table", error.table()),
        ("column", error.column()),
        ("datatype", error.datatype()),
        ("constraint", error.constraint()),
    ];
    let extras = more.into_iter();
    let extras = extras.filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    DbError {
        as_text,
        severity: error.severity().to_owned(),
        code: error.code().code().to_owned(),
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
        extras: extras.collect(),
    }
}
