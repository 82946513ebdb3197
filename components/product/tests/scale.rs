//! Compares the cost of lists in a shop with 66 products and in a shop with 100,066 products. The cost is counted in steps of
//! SQLite's virtual machine, because steps do not vary between runs as time does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic fails the test, which is intended"
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use product::domain::{Product, Release};
use product::listing::Listing;
use product::store::{self, SCHEMA};
use product::text;
use rusqlite::StatementStatus;
use rusqlite::types::Value as Native;
use stoa_service::page;
use stoa_service::sql::{Database, Rows, SqlError, Value, transaction};
use uuid::Uuid;

/// The cost of all SQL statements that one list needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    steps: i32,
    /// The number of full-scan steps, sorts, and rows of automatic indexes. Any value above 0 shows that an index is missing.
    unindexed: i32,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.unindexed += other.unindexed;
    }
}

/// A SQLite database that counts steps and records the statements that it executes.
struct CountingDatabase {
    connection: rusqlite::Connection,
    cost: Cell<Cost>,
    statements: RefCell<BTreeSet<String>>,
}

impl Database for CountingDatabase {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        let error = |e: rusqlite::Error| SqlError::from_message(e.to_string());
        self.statements.borrow_mut().insert(statement.to_owned());
        let mut prepared = self.connection.prepare_cached(statement).map_err(error)?;
        let columns = prepared.column_count();
        let params = params.iter().map(|value| match value {
            Value::Null => Native::Null,
            Value::Integer(v) => Native::Integer(*v),
            Value::Text(v) => Native::Text(v.clone()),
        });
        let mut rows = Vec::new();
        let mut cursor = prepared
            .query(rusqlite::params_from_iter(params))
            .map_err(error)?;
        while let Some(row) = cursor.next().map_err(error)? {
            rows.push(
                (0..columns)
                    .map(|index| match row.get_unwrap(index) {
                        Native::Null => Value::Null,
                        Native::Integer(v) => Value::Integer(v),
                        Native::Text(v) => Value::Text(v),
                        other => panic!("{other:?}"),
                    })
                    .collect(),
            );
        }
        drop(cursor);
        let mut cost = self.cost.get();
        cost += Cost {
            steps: prepared.reset_status(StatementStatus::VmStep),
            unindexed: prepared.reset_status(StatementStatus::FullscanStep)
                + prepared.reset_status(StatementStatus::Sort)
                + prepared.reset_status(StatementStatus::AutoIndex),
        };
        self.cost.set(cost);
        Ok(Rows::new(statement, rows))
    }
}

impl CountingDatabase {
    fn new() -> Self {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.set_prepared_statement_cache_capacity(500);
        let db = Self {
            connection,
            cost: Cell::default(),
            statements: RefCell::default(),
        };
        SCHEMA.ensure(&db).unwrap();
        db
    }

    /// Creates the large shop: a new shop with 100,000 more products. The service adds 100 products, and SQL then adds 999 copies
    /// of each of these 100 products.
    fn large() -> Self {
        let db = Self::new();
        let wares: Vec<Product> = (0..100).map(generated_product).collect();
        transaction(&db, "products", || {
            store::filling::add(&db, &wares)?;
            for statement in MULTIPLY_PRODUCTS {
                db.execute(statement, &[])?;
            }
            Ok::<_, SqlError>(())
        })
        .unwrap();
        db
    }

    fn page(
        &self,
        listing: &Listing,
        token: Option<&str>,
        limit: u32,
    ) -> (Vec<Product>, Option<String>, Cost) {
        self.cost.take();
        let cursor = page::cursor(token).unwrap();
        let (products, next) = listing.page(self, cursor, limit).unwrap();
        (
            products,
            next.as_ref().and_then(page::encode_cursor),
            self.cost.get(),
        )
    }

    /// Reads a full page after `token`. Returns the cost of the page, and the token of the next page.
    fn full_page(&self, listing: &Listing, token: Option<&str>) -> (Cost, Option<String>) {
        let (products, next, cost) = self.page(listing, token, PAGE_LENGTH);
        assert_eq!(products.len(), 5, "{listing:?}");
        assert!(next.is_some(), "{listing:?}");
        (cost, next)
    }
}

/// SQL statements that copy each of the generated products 999 times. They copy only the terms that the tests search for, because
/// all terms would be millions of rows.
const MULTIPLY_PRODUCTS: &[&str] = &[
    "CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
     SELECT printf('%08x', i) AS p, printf(' %08x', i) AS k FROM n",
    "INSERT INTO product_catalogue SELECT p || substr(product_id, 9), sku || '-' || p, name || k, name_key || k,
     description, category, image, amount, currency FROM product_catalogue, n WHERE category = 'wares'",
    "INSERT INTO product_terms SELECT term, name_key || k, p || substr(product_id, 9), weight FROM product_terms, n
     WHERE product_id LIKE '00000000-%' AND term IN ('common', 'wa', 'ware ', 'rare', 'emerald ', 'azure', 'crimson',
     'crimson ', '@wares/crimson') ORDER BY 1, 2, 3",
    "DELETE FROM product_term_counts",
    "INSERT INTO product_term_counts SELECT term, COUNT(*) FROM product_terms GROUP BY term",
];

/// Returns product `n` of 100. Each product contains the words `common` and `ware`, and `crimson` or `azure`. Except in product 99,
/// one of the words `common` and `ware` is in the name. Product 50 also contains the words `rare` and `emerald`. Product 99
/// contains both `crimson` and `azure`, and it is the last product in every list.
fn generated_product(n: u32) -> Product {
    let (name, description) = match n {
        50 => ("ware rare emerald", "common crimson"),
        99 => ("zz", "common ware crimson azure"),
        n => match n % 4 {
            0 => ("ware", "common crimson"),
            1 => ("ware", "common azure"),
            2 => ("common", "ware crimson"),
            _ => ("common", "ware azure"),
        },
    };
    Product {
        product_id: Uuid::from_u128(u128::from(n) + 1),
        sku: format!("W{n}").parse().unwrap(),
        name: name.to_owned(),
        description: description.to_owned(),
        category: "wares".to_owned(),
        image: String::new(),
        price: None,
        available: None,
    }
}

/// Number of products on a page. The number is small, so that searches in the small shop fill one page and have a next page.
const PAGE_LENGTH: u32 = 5;

/// Checks that a list costs the same in the two shops. The large shop may need 25 % more steps, because its index trees are deeper.
/// A scan would need hundreds of times as many steps.
fn assert_same_cost(what: &str, large: Cost, small: Cost) {
    println!(
        "{what}: {} steps in the large shop, {} steps in the small shop",
        large.steps, small.steps
    );
    assert_eq!((large.unindexed, small.unindexed), (0, 0), "{what}");
    assert!(
        large.steps <= small.steps * 5 / 4,
        "{what}: {large:?} in the large shop, {small:?} in the small shop"
    );
}

#[test]
fn every_list_costs_the_same_with_100_000_products() {
    let (small, large) = (CountingDatabase::new(), CountingDatabase::large());
    let count = "SELECT COUNT(*) FROM product_catalogue";
    let count = large.execute(count, &[]).unwrap();
    assert_eq!(count.first().unwrap().get::<i64>(0).unwrap(), 100_066);

    for release in [Release::V1, Release::V2] {
        let listing = |q, category| Listing::new(q, category, release).unwrap();
        // Each entry contains a description, the list to read in the large shop, and the list to read in the small shop. Both lists
        // fill a page in the same way.
        let comparisons = [
            ("everything", listing(None, None), listing(None, None)),
            (
                "a category",
                listing(None, Some("wares")),
                listing(None, Some("tea")),
            ),
            (
                "a common word",
                listing(Some("common"), None),
                listing(Some("tea"), None),
            ),
            (
                "a common prefix",
                listing(Some("wa"), None),
                listing(Some("co"), None),
            ),
            (
                "a word of the text",
                listing(Some("crimson"), None),
                listing(Some("with"), None),
            ),
            (
                "a rare word",
                listing(Some("rare"), None),
                listing(Some("tea"), None),
            ),
            (
                "two common words",
                listing(Some("ware crimson"), None),
                listing(Some("tea 00"), None),
            ),
            (
                "a word and a category",
                listing(Some("crimson"), Some("wares")),
                listing(Some("00"), Some("tea")),
            ),
            (
                "a rare and a common word",
                listing(Some("emerald common"), None),
                listing(Some("tea 00"), None),
            ),
        ];
        for (what, in_large, in_small) in comparisons {
            let (first_small, token_small) = small.full_page(&in_small, None);
            let (first_large, token_large) = large.full_page(&in_large, None);
            assert_same_cost(what, first_large, first_small);
            let (.., later_small) = small.page(&in_small, token_small.as_deref(), PAGE_LENGTH);
            let (later_large, _) = large.full_page(&in_large, token_large.as_deref());
            // In the small shop, the second page may be short and so cost less than a full page. The allowed cost is therefore at
            // least the cost of the small shop's first page.
            let allowed = if later_small.steps > first_small.steps {
                later_small
            } else {
                first_small
            };
            assert_same_cost(what, later_large, allowed);
        }

        // 50,000 products contain the word "azure". Only 1,000 of them also contain "crimson", and they are at the end of the list.
        // Every page must stay below the cost limit, and all pages together must find the 1,000 products.
        let both = listing(Some("crimson azure"), None);
        let (mut found, mut pages, mut token) = (0, 0, None);
        loop {
            let (products, next, cost) = large.page(&both, token.as_deref(), 100);
            assert_eq!(cost.unindexed, 0);
            assert!(cost.steps < 60_000, "{cost:?}");
            found += products.len();
            pages += 1;
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found, 1000);
        assert!(pages < 75, "{pages}");
    }
}

#[test]
fn every_statement_of_a_list_uses_an_index() {
    let db = CountingDatabase::new();
    db.statements.take();
    for release in [Release::V1, Release::V2] {
        for (q, category) in [
            (None, None),
            (None, Some("tea")),
            (Some("tea"), None),
            (Some("green tea"), Some("tea")),
        ] {
            let listing = Listing::new(q, category, release).unwrap();
            db.page(&listing, None, 1);
        }
    }
    let skus = ["COF-001", "COF-002"].map(|sku| sku.parse().unwrap());
    store::find_by_skus(&db, &skus).unwrap();
    store::find(&db, "COF-001").unwrap();
    let statements = db.statements.take();
    assert!(statements.len() >= 9, "{statements:#?}");
    for statement in statements {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let mut plan = db.connection.prepare(&explain).unwrap();
        let nulls = vec![Native::Null; plan.parameter_count()];
        let lines = plan
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
            .unwrap();
        for line in lines {
            let line: String = line.unwrap();
            let good = line.starts_with("SEARCH") && line.contains("USING")
                // With a correlated subquery, SQLite looks up all terms of a search except the leading term.
                || line.starts_with("CORRELATED SCALAR SUBQUERY");
            assert!(good, "{line}\n{statement}");
        }
    }
}

#[test]
fn a_search_finds_the_same_products_as_a_scan_of_the_whole_catalogue() {
    let db = CountingDatabase::new();
    let (all, ..) = db.page(&Listing::new(None, None, Release::V1).unwrap(), None, 100);
    let terms_of: Vec<_> = all.iter().map(text::terms_of).collect();
    let mut answers = 0;
    for product in &all {
        let text = text::words(&product.description);
        let name = text::words(&product.name);
        let (first, last) = (&name[0], &text[text.len() - 1]);
        for q in [
            first.clone(),
            format!("{first} {}", last.chars().take(2).collect::<String>()),
            format!("{last} {} {first}", text[0]),
        ] {
            let terms = text::search_terms(&q, None).unwrap();
            let has = |t: &BTreeMap<String, i64>| terms.iter().all(|term| t.contains_key(term));
            let hits: Vec<_> = all.iter().zip(&terms_of).filter(|(_, t)| has(t)).collect();
            let by_name: Vec<&str> = hits.iter().map(|(p, _)| p.sku.as_str()).collect();
            // The rarest term is the leading term.
            let products =
                |term: &&String| terms_of.iter().filter(|t| t.contains_key(*term)).count();
            let lead = terms.iter().min_by_key(products).unwrap();
            let (mut best, rest): (Vec<_>, Vec<_>) =
                hits.iter().partition(|(_, t)| t[lead] == text::NAME_WEIGHT);
            best.extend(rest);
            let ranked: Vec<&str> = best.iter().map(|(p, _)| p.sku.as_str()).collect();
            let follow = |release| {
                let listing = Listing::new(Some(&q), None, release).unwrap();
                let (mut found, mut token) = (Vec::new(), None);
                loop {
                    let (products, next, _) = db.page(&listing, token.as_deref(), 2);
                    found.extend(products.into_iter().map(|p| p.sku.to_string()));
                    token = next;
                    if token.is_none() {
                        break found;
                    }
                }
            };
            assert_eq!(follow(Release::V1), by_name, "{q}");
            assert_eq!(follow(Release::V2), ranked, "{q}");
            answers += usize::from(ranked != by_name);
        }
    }
    assert!(
        answers > 5,
        "only {answers} searches have different orders in v1 and v2"
    );
}
