//! The catalogue in SQL: tables, the first filling, and every way to read products but searching.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step, Value};
use stoa_service::{id, jwks_table, params};
use uuid::Uuid;

use crate::domain::Product;
use crate::text::{sort_key, terms_of};

/// The tables of this service. Both releases share one database, so a migration only adds.
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
        // See search.rs. The name is in it so that a range of the index is in the order of the list.
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
        .map_err(|e| SqlError::Other(format!("catalogue.json: {e}")))?;
    add(db, &products)
}

/// A place in a list that is ordered by name; the default is before the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The name as [`sort_key`] has it.
    pub name_key: String,
    /// The product, which tells equal names apart.
    pub product_id: String,
}

/// Adds products with their terms. Inside a transaction; one that is there already is [`SqlError::Duplicate`].
pub fn add(db: &dyn Database, products: &[Product]) -> Result<(), SqlError> {
    let mut counts = BTreeMap::<String, i64>::new();
    for product in products {
        let name_key = sort_key(&product.name);
        db.execute(
            "INSERT INTO product_catalogue (product_id, sku, name, name_key, description, category, image, amount, currency)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            params![
                product.product_id,
                &product.sku,
                &product.name,
                &name_key,
                &product.description,
                &product.category,
                &product.image,
                product.price.map(|p| p.amount),
                product.price.map(|p| p.currency.code())
            ],
        )?;
        let terms: Vec<(String, i64)> = terms_of(product).into_iter().collect();
        for some in terms.chunks(200) {
            add_terms(db, &name_key, product.product_id, some)?;
        }
        for (term, _) in terms {
            *counts.entry(term).or_default() += 1;
        }
    }
    let counts: Vec<(String, i64)> = counts.into_iter().collect();
    for some in counts.chunks(200) {
        add_counts(db, some)?;
    }
    Ok(())
}

fn add_terms(
    db: &dyn Database,
    name_key: &str,
    product_id: Uuid,
    terms: &[(String, i64)],
) -> Result<(), SqlError> {
    let mut values: Vec<Value> = vec![name_key.into(), product_id.into()];
    let mut rows = Vec::with_capacity(terms.len());
    for (term, weight) in terms {
        values.extend([term.into(), (*weight).into()]);
        rows.push(format!(
            "($1, $2, ${}, ${})",
            values.len() - 1,
            values.len()
        ));
    }
    let rows = rows.join(", ");
    db.execute(
        &format!("INSERT INTO product_terms (name_key, product_id, term, weight) VALUES {rows}"),
        &values,
    )
    .map(drop)
}

fn add_counts(db: &dyn Database, counts: &[(String, i64)]) -> Result<(), SqlError> {
    let mut values: Vec<Value> = Vec::new();
    let mut rows = Vec::with_capacity(counts.len());
    for (term, products) in counts {
        values.extend([term.into(), (*products).into()]);
        rows.push(format!("(${}, ${})", values.len() - 1, values.len()));
    }
    let rows = rows.join(", ");
    db.execute(
        &format!(
            "INSERT INTO product_term_counts (term, products) VALUES {rows} ON CONFLICT (term)
             DO UPDATE SET products = product_term_counts.products + excluded.products"
        ),
        &values,
    )
    .map(drop)
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

/// The products after `after` by name, at most `count`, each with its place; of one category if that is asked.
pub fn list(
    db: &dyn Database,
    category: Option<&str>,
    after: &Place,
    count: u32,
) -> Result<Vec<(Place, Product)>, SqlError> {
    let listed = |row: Row<'_>| {
        let place = Place {
            name_key: row.get(8)?,
            product_id: row.get(0)?,
        };
        Ok((place, product(row)?))
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
            .map(listed),
        Some(category) => db
            .execute(
                &format!(
                    "SELECT {COLUMNS} FROM product_catalogue WHERE category = $1 AND (name_key, product_id) > ($2, $3)
                     ORDER BY name_key, product_id LIMIT $4"
                ),
                params![category, &after.name_key, &after.product_id, count],
            )?
            .map(listed),
    }
}

/// The product with that id or, for anything that is no id, that SKU.
pub fn find(db: &dyn Database, id_or_sku: &str) -> Result<Option<Product>, SqlError> {
    let column = if id::parse("product_id", id_or_sku).is_ok() {
        "product_id"
    } else {
        "sku"
    };
    db.execute(
        &format!("SELECT {COLUMNS} FROM product_catalogue WHERE {column} = $1"),
        params![id_or_sku],
    )?
    .one(product)
}

/// The products with these SKUs, in this order; what is not there is left out.
pub fn by_sku(db: &dyn Database, skus: &[&str]) -> Result<Vec<Product>, SqlError> {
    by(db, "sku", skus.iter().copied(), |product| {
        product.sku.clone()
    })
}

/// The products with these ids, in this order.
pub fn by_id(db: &dyn Database, ids: &[String]) -> Result<Vec<Product>, SqlError> {
    by(db, "product_id", ids.iter().map(String::as_str), |p| {
        p.product_id.to_string()
    })
}

fn by<'a>(
    db: &dyn Database,
    column: &str,
    keys: impl Iterator<Item = &'a str> + Clone,
    key: impl Fn(&Product) -> String,
) -> Result<Vec<Product>, SqlError> {
    let values: Vec<Value> = keys.clone().map(Value::from).collect();
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let marks: Vec<String> = (1..=values.len()).map(|n| format!("${n}")).collect();
    let marks = marks.join(", ");
    let found = db
        .execute(
            &format!("SELECT {COLUMNS} FROM product_catalogue WHERE {column} IN ({marks})"),
            &values,
        )?
        .map(product)?;
    let mut found: BTreeMap<String, Product> = found.into_iter().map(|p| (key(&p), p)).collect();
    Ok(keys.filter_map(|key| found.remove(key)).collect())
}
