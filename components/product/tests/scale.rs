//! The cost of a list at 66 and at 100,000 products, in steps of SQLite's virtual machine: time varies, steps do not.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test cannot read fails it"
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

/// Cost of the statements of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    steps: i32,
    /// Full scans of a table or index, sorts, and automatic indexes, in steps.
    unindexed: i32,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.unindexed += other.unindexed;
    }
}

/// A SQLite that counts steps.
struct Counting {
    connection: rusqlite::Connection,
    cost: Cell<Cost>,
    statements: RefCell<BTreeSet<String>>,
}

impl Database for Counting {
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

impl Counting {
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

    /// A new shop with 100,000 more products: the service adds one hundred, and SQL makes a thousand of each.
    fn huge() -> Self {
        let db = Self::new();
        let wares: Vec<Product> = (0..100).map(ware).collect();
        transaction(&db, "products", || {
            store::filling::add(&db, &wares)?;
            for statement in MULTIPLY {
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
            next.as_ref().and_then(page::token),
            self.cost.get(),
        )
    }

    /// A full page after `token`: its cost, and the token of the next page.
    fn full(&self, listing: &Listing, token: Option<&str>) -> (Cost, Option<String>) {
        let (products, next, cost) = self.page(listing, token, FULL);
        assert_eq!(products.len(), 5, "{listing:?}");
        assert!(next.is_some(), "{listing:?}");
        (cost, next)
    }
}

/// Copies only the terms that the tests search for; writing all of them would mean millions of rows.
const MULTIPLY: &[&str] = &[
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

/// Each ware has `common` and `ware`, one of them in its name, and is crimson or azure. One in a hundred is rare and emerald.
/// One in a hundred is both crimson and azure; all of those are at the end of every list.
fn ware(n: u32) -> Product {
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

/// Products on a page: few enough that searches in the small shop fill one page and continue.
const FULL: u32 = 5;

/// Deeper trees may cost slightly more; a scan would cost hundreds of times as much.
fn assert_as_cheap(what: &str, huge: Cost, small: Cost) {
    println!(
        "{what}: {} steps, {} in a small shop",
        huge.steps, small.steps
    );
    assert_eq!((huge.unindexed, small.unindexed), (0, 0), "{what}");
    assert!(
        huge.steps <= small.steps * 5 / 4,
        "{what}: {huge:?}, in a small shop {small:?}"
    );
}

#[test]
fn every_list_costs_the_same_at_100_000_products() {
    let (small, huge) = (Counting::new(), Counting::huge());
    let count = "SELECT COUNT(*) FROM product_catalogue";
    let count = huge.execute(count, &[]).unwrap();
    assert_eq!(count.first().unwrap().get::<i64>(0).unwrap(), 100_066);

    for release in [Release::V1, Release::V2] {
        let of = |q, category| Listing::new(q, category, release).unwrap();
        // A query for the huge shop, and one that fills a page in the same way in the small shop.
        let alike = [
            ("everything", of(None, None), of(None, None)),
            ("a category", of(None, Some("wares")), of(None, Some("tea"))),
            (
                "a common word",
                of(Some("common"), None),
                of(Some("tea"), None),
            ),
            (
                "a common beginning",
                of(Some("wa"), None),
                of(Some("co"), None),
            ),
            (
                "a word of the text",
                of(Some("crimson"), None),
                of(Some("with"), None),
            ),
            ("a rare word", of(Some("rare"), None), of(Some("tea"), None)),
            (
                "two common words",
                of(Some("ware crimson"), None),
                of(Some("tea 00"), None),
            ),
            (
                "a word and a category",
                of(Some("crimson"), Some("wares")),
                of(Some("00"), Some("tea")),
            ),
            (
                "a rare and a common word",
                of(Some("emerald common"), None),
                of(Some("tea 00"), None),
            ),
        ];
        for (what, in_huge, in_small) in alike {
            let (first_small, token_small) = small.full(&in_small, None);
            let (first_huge, token_huge) = huge.full(&in_huge, None);
            assert_as_cheap(what, first_huge, first_small);
            let (.., later_small) = small.page(&in_small, token_small.as_deref(), FULL);
            let (later_huge, _) = huge.full(&in_huge, token_huge.as_deref());
            // The small shop's second page may be shorter; its first page is always full.
            let most = if later_small.steps > first_small.steps {
                later_small
            } else {
                first_small
            };
            assert_as_cheap(what, later_huge, most);
        }

        // 50,000 products have either word and 1,000 have both, all of them at the end. No page may read more than its share, and
        // the pages together must find them all.
        let both = of(Some("crimson azure"), None);
        let (mut found, mut pages, mut token) = (0, 0, None);
        loop {
            let (products, next, cost) = huge.page(&both, token.as_deref(), 100);
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
fn every_statement_of_a_list_is_a_search_of_an_index() {
    let db = Counting::new();
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
    store::by_sku(&db, &skus).unwrap();
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
                // Lookups of the other words of a search.
                || line.starts_with("CORRELATED SCALAR SUBQUERY");
            assert!(good, "{line}\n{statement}");
        }
    }
}

#[test]
fn a_search_finds_what_reading_every_product_finds() {
    let db = Counting::new();
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
            // The rarest term leads.
            let products =
                |term: &&String| terms_of.iter().filter(|t| t.contains_key(*term)).count();
            let lead = terms.iter().min_by_key(products).unwrap();
            let (mut best, rest): (Vec<_>, Vec<_>) =
                hits.iter().partition(|(_, t)| t[lead] == text::IN_NAME);
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
    assert!(answers > 5, "the two orders differ in {answers} searches");
}
