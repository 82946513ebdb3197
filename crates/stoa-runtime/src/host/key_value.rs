//! Implements `fermyon:spin/key-value@2.0.0` with [`crate::database`]. One database file contains all stores of an app.
use std::sync::Arc;

use rusqlite::types::Value;
use stoa_manifest::Component;
use wasmtime::Result;
use wasmtime::component::Resource;

use super::backends::Backends;
use super::view::View;
use crate::bindings::fermyon::spin::key_value::{Error, Host, HostStore};
use crate::database::{Databases, Lease, Rows};

/// The stores that a component may open.
pub(crate) struct KeyValue {
    labels: Vec<String>,
    databases: Arc<Databases>,
}

impl KeyValue {
    pub(super) fn new(_: &Arc<str>, component: &Component, backends: &Backends) -> Self {
        Self {
            labels: component.key_value_stores.clone(),
            databases: Arc::clone(&backends.databases),
        }
    }

    fn open(&self, label: String) -> Result<Store, Error> {
        if !self.labels.contains(&label) {
            // As in Spin, the guest gets `AccessDenied` also for a label for which no component has a store.
            return Err(Error::AccessDenied);
        }
        let lease = self.databases.key_value().and_then(Lease::connect);
        let lease = lease.map_err(|error| Error::Other(error.to_string()))?;
        Ok(Store { label, lease })
    }
}

/// A guest's open store.
#[expect(unreachable_pub, reason = "the generated bindings re-export this type")]
pub struct Store {
    label: String,
    lease: Lease,
}

impl Store {
    /// Runs the statement `sql`. Its first parameter is the store's label, and `more` contains the other parameters.
    async fn run(&mut self, sql: &str, more: Vec<Value>) -> Result<Rows, Error> {
        let mut parameters = vec![Value::Text(self.label.clone())];
        parameters.extend(more);
        let rows = self.lease.execute(sql.to_owned(), parameters).await;
        rows.map_err(|error| Error::Other(error.to_string()))
    }
}

impl Host for View<'_, KeyValue> {}

impl HostStore for View<'_, KeyValue> {
    fn open(&mut self, label: String) -> Result<Result<Resource<Store>, Error>> {
        match self.state.open(label) {
            Ok(store) => Ok(Ok(self.table.push(store)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn get(
        &mut self,
        store: Resource<Store>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, Error>> {
        let sql = "SELECT value FROM entries WHERE store = ?1 AND key = ?2";
        let found = self.table.get_mut(&store)?.run(sql, vec![key.into()]).await;
        Ok(found.map(|rows| {
            rows.rows
                .into_iter()
                .flatten()
                .find_map(|value| match value {
                    Value::Blob(bytes) => Some(bytes),
                    _ => None,
                })
        }))
    }

    async fn set(
        &mut self,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), Error>> {
        let sql = "INSERT INTO entries (store, key, value) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";
        let store = self.table.get_mut(&store)?;
        let set = store.run(sql, vec![key.into(), value.into()]).await;
        Ok(set.map(drop))
    }

    async fn delete(&mut self, store: Resource<Store>, key: String) -> Result<Result<(), Error>> {
        let sql = "DELETE FROM entries WHERE store = ?1 AND key = ?2";
        let deleted = self.table.get_mut(&store)?.run(sql, vec![key.into()]).await;
        Ok(deleted.map(drop))
    }

    async fn exists(&mut self, store: Resource<Store>, key: String) -> Result<Result<bool, Error>> {
        let sql = "SELECT 1 FROM entries WHERE store = ?1 AND key = ?2";
        let found = self.table.get_mut(&store)?.run(sql, vec![key.into()]).await;
        Ok(found.map(|rows| !rows.rows.is_empty()))
    }

    async fn get_keys(&mut self, store: Resource<Store>) -> Result<Result<Vec<String>, Error>> {
        let sql = "SELECT key FROM entries WHERE store = ?1 ORDER BY key";
        let found = self.table.get_mut(&store)?.run(sql, Vec::new()).await;
        Ok(found.map(|rows| {
            let keys = rows.rows.into_iter().flatten();
            keys.filter_map(|value| match value {
                Value::Text(key) => Some(key),
                _ => None,
            })
            .collect()
        }))
    }

    fn drop(&mut self, store: Resource<Store>) -> Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}
