//! The lasting effect that a statement has on its connection.

/// The lasting effect that a statement has on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The statement has no effect on the connection.
    None,
    /// The statement begins a transaction.
    BeginsTransaction,
    /// The statement ends a transaction.
    EndsTransaction,
    /// The statement changes the connection's session, so the connection must be closed after the guest has ended.
    ChangesSession,
}

impl Effect {
    /// Determines the effect from the first word of `sql`, and for some statements also from words that follow.
    pub(super) fn of_statement(sql: &str) -> Self {
        let words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut words = words
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase);
        let first = words.next().unwrap_or_default();
        let changes_session = match first.as_str() {
            "BEGIN" | "START" => return Self::BeginsTransaction,
            // `ROLLBACK TO`, `COMMIT AND CHAIN` and similar statements leave a transaction open. So the connection is closed after
            // the guest has ended.
            "COMMIT" | "END" | "ROLLBACK" | "ABORT" => {
                match (words.next().as_deref(), words.next()) {
                    (None | Some("WORK" | "TRANSACTION"), None) => return Self::EndsTransaction,
                    _ => true,
                }
            }
            // Some functions have an effect that outlives the statement. `SELECT ... INTO` can create a temporary table.
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "WITH" | "VALUES" | "MERGE" => {
                words.any(|word| match word.as_str() {
                    "SET_CONFIG" => true,
                    "INTO" => first == "SELECT",
                    other => other.contains("ADVISORY_LOCK") && !other.contains("XACT"),
                })
            }
            // These statements change the database and not the connection's session, unless they concern temporary objects.
            "CREATE" | "ALTER" | "DROP" => {
                words.any(|word| matches!(word.as_str(), "TEMP" | "TEMPORARY" | "PG_TEMP"))
            }
            _ => true,
        };
        if changes_session {
            Self::ChangesSession
        } else {
            Self::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Effect;

    #[test]
    fn the_words_of_a_statement_determine_its_effect() {
        for (sql, effect) in [
            ("SELECT 1", Effect::None),
            (
                "\n  with x as (select 1) insert into t select * from x",
                Effect::None,
            ),
            (
                "BEGIN ISOLATION LEVEL SERIALIZABLE",
                Effect::BeginsTransaction,
            ),
            ("start transaction", Effect::BeginsTransaction),
            ("COMMIT", Effect::EndsTransaction),
            ("commit;", Effect::EndsTransaction),
            ("END TRANSACTION", Effect::EndsTransaction),
            ("ROLLBACK", Effect::EndsTransaction),
            ("ROLLBACK TO SAVEPOINT a", Effect::ChangesSession),
            ("COMMIT AND CHAIN", Effect::ChangesSession),
            ("COMMIT WORK AND CHAIN", Effect::ChangesSession),
            (
                "ROLLBACK TRANSACTION TO SAVEPOINT a",
                Effect::ChangesSession,
            ),
            (
                "SELECT set_config('a.b', '1', false)",
                Effect::ChangesSession,
            ),
            ("SELECT pg_advisory_lock(1)", Effect::ChangesSession),
            ("SELECT pg_try_advisory_lock(1)", Effect::ChangesSession),
            ("SELECT pg_advisory_xact_lock(1)", Effect::None),
            ("SELECT x INTO TEMP t FROM u", Effect::ChangesSession),
            ("INSERT INTO t SELECT * FROM u", Effect::None),
            ("COMMIT PREPARED 'x'", Effect::ChangesSession),
            ("SET search_path = a", Effect::ChangesSession),
            ("CREATE TABLE t (a int)", Effect::None),
            ("CREATE TEMP TABLE t (a int)", Effect::ChangesSession),
            ("CREATE TABLE pg_temp.t (a int)", Effect::ChangesSession),
            (
                "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1",
                Effect::ChangesSession,
            ),
            ("ALTER TABLE t ADD b int", Effect::None),
            ("-- a comment\nSELECT 1", Effect::ChangesSession),
            ("DO $$ BEGIN END $$", Effect::ChangesSession),
            ("", Effect::ChangesSession),
        ] {
            assert_eq!(Effect::of_statement(sql), effect, "{sql}");
        }
    }
}
