//! The list of Spin's interfaces that this runtime provides. Each entry names a module, `host/NAME.rs`, and the type of the
//! module's state, and lists one or more versions of the interface. A version has these fields:
//!
//! - `bindings`: the interface's module in the generated bindings.
//! - `wit`: the interface's WIT file, relative to `wit/deps` of spin-sdk. The guests are built with the same spin-sdk, so host and
//!   guest always have the same interface.
//! - `resources`: the interface's resources, each with a type in `host/NAME.rs`.
//! - `waiting`: the functions that may wait for a disk or a network. All other functions return at once.
//! - `grant`: the kind of configuration that a dependency must inherit from the component that uses it, before it may import the
//!   interface.
//!
//! build.rs generates the bindings from this list. `host.rs` reads `bindings` and `grant`.

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
