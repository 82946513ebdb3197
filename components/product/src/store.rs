//! The catalogue in SQL: the tables, and the statements that read products. `search.rs` has the statements of searches. [`filling`]
//! adds products, and [`pim`] stores the PIM's texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step, Value, placeholders};
use stoa_service::{Sku, id, jwks_table, params};

use crate::domain::Product;
use crate::error::Error;

pub mod filling;
pub mod pim;

/// The tables of this service. Both releases share one database, so a migration only adds tables and columns.
pub const SCHEMA: Schema = Schema {
    service: "product",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE product_catalogue (product_id TEXT PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
             name_key TEXT NOT NULL, description TEXT NOT NULL, category TEXT NOT NULL, image TEXT NOT NULL,
             amount BIGINT, currency TEXT)",
        ),
        Step::Sql("CREATE INDEX product_catalogue_name ON product_catalogue (name_key, product_id)"),
        Step::Sql("CREATE INDEX product_catalogue_category ON product_catalogue (category, name_key, product_id)"),
        // The search reads this table by its primary key. The key contains the name, so the rows of a term are already sorted by
        // name.
        Step::Sql(
            "CREATE TABLE product_terms (term TEXT NOT NULL, name_key TEXT NOT NULL, product_id TEXT NOT NULL,
             weight BIGINT NOT NULL, PRIMARY KEY (term, name_key, product_id))",
        ),
        Step::Sql("CREATE INDEX product_terms_rank ON product_terms (term, weight, name_key, product_id)"),
        Step::Sql("CREATE TABLE product_term_counts (term TEXT PRIMARY KEY, products BIGINT NOT NULL)"),
        Step::Sql(
            "CREATE TABLE product_pim (sku TEXT PRIMARY KEY, description TEXT, image TEXT, fetched_at BIGINT NOT NULL)",
        ),
        Step::Sql("CREATE TABLE product_pim_pause (id BIGINT PRIMARY KEY, until BIGINT NOT NULL)"),
        Step::Sql(jwks_table!("product")),
        Step::Run(fill_a_new_shop),
    ]],
};

fn fill_a_new_shop(db: &dyn Database) -> Result<(), SqlError> {
    let products: Vec<Product> = serde_json::from_str(include_str!("../catalogue.json"))
        .map_err(|e| SqlError::Other(format!("cannot read catalogue.json: {e}")))?;
    filling::add(db, &products)
}

/// A position in a list that is sorted by name. The default is the position before the first product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPosition {
    /// The [`crate::text::sort_key`] of the product's name.
    pub name_key: String,
    /// The product's id, which sorts products that have the same name.
    pub product_id: String,
}

const COLUMNS: &str =
    "product_id, sku, name, description, category, image, amount, currency, name_key";

fn product(row: Row<'_>) -> Result<Product, SqlError> {
    let (amount, currency): (Option<i64>, Option<String>) = (row.get(6)?, row.get(7)?);
    let price = match (amount, currency) {
        (Some(amount), Some(code)) => Some(Money {
            amount,
            currency: code.parse().map_err(SqlError::Other)?,
        }),
        _ => None,
    };
    Ok(Product {
        product_id: row.get(0)?,
        sku: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        category: row.get(4)?,
        image: row.get(5)?,
        price,
        available: None,
    })
}

/// Lists products after the position `after`, sorted by name, at most `count` products, each with its position. With a `category`,
/// lists only the products of that category.
pub fn list(
    db: &dyn Database,
    category: Option<&str>,
    after: &ListPosition,
    count: u32,
) -> Result<Vec<(ListPosition, Product)>, SqlError> {
    let product_at_position = |row: Row<'_>| {
        let position = ListPosition {
            name_key: row.get(8)?,
            product_id: row.get(0)?,
        };
        Ok((position, product(row)?))
    };
    match category {
        None => db
            .execute(
                &format!(
                    "SELECT {COLUMNS} FROM product_catalogue WHERE (name_key, product_id) > ($1, $2)
                     ORDER BY name_key, product_id LIMIT $3"
                ),
                params![&after.name_key, &after.product_id, count],
            )?
            .map(product_at_position),
        Some(category) => db
            .execute(
                &format!(
                    "SELECT {COLUMNS} FROM product_catalogue WHERE category = $1 AND (name_key, product_id) > ($2, $3)
                     ORDER BY name_key, product_id LIMIT $4"
                ),
                params![category, &after.name_key, &after.product_id, count],
            )?
            .map(product_at_position),
    }
}

/// Reads one product. If `id_or_sku` is a UUID, it is the product's id, otherwise its SKU. Error: [`Error::NoSuchProduct`].
pub fn find(db: &dyn Database, id_or_sku: &str) -> Result<Product, Error> {
    let column = if id::parse("product_id", id_or_sku).is_ok() {
        "product_id"
    } else {
        "sku"
    };
    db.execute(
        &format!("SELECT {COLUMNS} FROM product_catalogue WHERE {column} = $1"),
        params![id_or_sku],
    )?
    .one(product)?
    .ok_or_else(|| Error::NoSuchProduct(id_or_sku.to_owned()))
}

/// Reads the products with these SKUs, in the sequence of `skus`. SKUs that no product has are left out.
pub fn find_by_skus(db: &dyn Database, skus: &[Sku]) -> Result<Vec<Product>, SqlError> {
    find_in_order(db, "sku", skus.iter().map(Sku::as_str), |product| {
        product.sku.to_string()
    })
}

/// Reads the products with these ids, in the sequence of `ids`.
pub fn find_by_ids(db: &dyn Database, ids: &[String]) -> Result<Vec<Product>, SqlError> {
    find_in_order(db, "product_id", ids.iter().map(String::as_str), |p| {
        p.product_id.to_string()
    })
}

fn find_in_order<'a>(
    db: &dyn Database,
    column: &str,
    keys: impl Iterator<Item = &'a str> + Clone,
    key: impl Fn(&Product) -> String,
) -> Result<Vec<Product>, SqlError> {
    let values: Vec<Value> = keys.clone().map(Value::from).collect();
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "SELECT {COLUMNS} FROM product_catalogue WHERE {column} IN ({})",
        placeholders(1, values.len())
    );
    let found = db.execute(&statement, &values)?.map(product)?;
    let mut found: BTreeMap<String, Product> = found.into_iter().map(|p| (key(&p), p)).collect();
    Ok(keys.filter_map(|key| found.remove(key)).collect())
}
