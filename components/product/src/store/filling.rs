//! Adds products to the catalogue and to the search index.

use std::collections::BTreeMap;

use stoa_service::params;
use stoa_service::sql::{Database, SqlError, Value};
use uuid::Uuid;

use crate::domain::Product;
use crate::text::{sort_key, terms_of};

/// Adds products and their search terms. Call this function inside a transaction. Error: [`SqlError::Duplicate`] if a product
/// exists already.
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
        for chunk in terms.chunks(200) {
            add_terms(db, &name_key, product.product_id, chunk)?;
        }
        for (term, _) in terms {
            *counts.entry(term).or_default() += 1;
        }
    }
    let counts: Vec<(String, i64)> = counts.into_iter().collect();
    for chunk in counts.chunks(200) {
        add_counts(db, chunk)?;
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
