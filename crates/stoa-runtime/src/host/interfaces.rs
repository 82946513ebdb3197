//! The list of Spin's interfaces that this runtime provides. Each entry is one file, `host/NAME.rs`, with the type of its state.
//!
//! - `bindings`: the interface's module in the generated bindings.
//! - `wit`: its file below `wit/deps` of the spin-sdk that the guests are built with: host and guest never drift apart.
//! - `resources`: the types in `host/NAME.rs` behind its resources.
//! - `waiting`: functions that may wait for a disk or a network; all others return at once.
//! - `grant`: what a dependency must inherit from its user to import it.
//!
//! build.rs reads this file for the bindings; `host.rs` uses the other fields.

interfaces! {
    variables: Variables {
        "fermyon:spin/variables@2.0.0" {
            bindings: fermyon::spin::variables,
            wit: "spin@2.0.0/variables.wit",
            resources: [],
            waiting: [],
            grant: Variables,
        }
    }
    sqlite: Sqlite {
        "fermyon:spin/sqlite@2.0.0" {
            bindings: fermyon::spin::sqlite,
            wit: "spin@2.0.0/sqlite.wit",
            resources: ["connection" = Connection],
            waiting: ["[static]connection.open", "[method]connection.execute"],
            grant: SqliteDatabases,
        }
        "spin:sqlite/sqlite@3.0.0" {
            bindings: spin::sqlite::sqlite,
            wit: "spin-sqlite@3.0.0/sqlite.wit",
            resources: ["connection" = Connection],
            waiting: ["[static]connection.open", "[method]connection.execute"],
            grant: SqliteDatabases,
        }
    }
    key_value: KeyValue {
        "fermyon:spin/key-value@2.0.0" {
            bindings: fermyon::spin::key_value,
            wit: "spin@2.0.0/key-value.wit",
            resources: ["store" = Store],
            waiting: [
                "[method]store.get",
                "[method]store.set",
                "[method]store.delete",
                "[method]store.exists",
                "[method]store.get-keys",
            ],
            grant: KeyValueStores,
        }
    }
    postgres: Postgres {
        "spin:postgres/postgres@4.0.0" {
            bindings: spin::postgres::postgres,
            wit: "spin-postgres@4.0.0/postgres.wit",
            resources: ["connection" = Connection],
            waiting: [
                "[static]connection.open",
                "[method]connection.query",
                "[method]connection.execute",
            ],
            grant: AllowedOutboundHosts,
        }
    }
}
