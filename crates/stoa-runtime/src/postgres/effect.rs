//! What a statement leaves behind on its connection.

/// The lasting effect of a statement on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    Begins,
    Ends,
    Marks,
}

impl Effect {
    /// Decides by the first words of `sql`, and by some others.
    pub(super) fn of_statement(sql: &str) -> Self {
        let words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut words = words
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase);
        let first = words.next().unwrap_or_default();
        let lasts = match first.as_str() {
            "BEGIN" | "START" => return Self::Begins,
            // `ROLLBACK TO`, `COMMIT AND CHAIN` and similar statements leave a transaction open: the connection is not used
            // again.
            "COMMIT" | "END" | "ROLLBACK" | "ABORT" => {
                match (words.next().as_deref(), words.next()) {
                    (None | Some("WORK" | "TRANSACTION"), None) => return Self::Ends,
                    _ => true,
                }
            }
            // Functions whose effect outlives the statement, and `SELECT ... INTO` a table.
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "WITH" | "VALUES" | "MERGE" => {
                words.any(|word| match word.as_str() {
                    "SET_CONFIG" => true,
                    "INTO" => first == "SELECT",
                    other => other.contains("ADVISORY_LOCK") && !other.contains("XACT"),
                })
            }
            // These change the database, not the session, except for temporary tables and the like.
            "CREATE" | "ALTER" | "DROP" => {
                words.any(|word| matches!(word.as_str(), "TEMP" | "TEMPORARY" | "PG_TEMP"))
            }
            _ => true,
        };
        if lasts { Self::Marks } else { Self::None }
    }
}

#[cfg(test)]
mod tests {
    use super::Effect;

    #[test]
    fn a_statement_is_known_by_its_first_words() {
        for (sql, effect) in [
            ("SELECT 1", Effect::None),
            (
                "\n  with x as (select 1) insert into t select * from x",
                Effect::None,
            ),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", Effect::Begins),
            ("start transaction", Effect::Begins),
            ("COMMIT", Effect::Ends),
            ("commit;", Effect::Ends),
            ("END TRANSACTION", Effect::Ends),
            ("ROLLBACK", Effect::Ends),
            ("ROLLBACK TO SAVEPOINT a", Effect::Marks),
            ("COMMIT AND CHAIN", Effect::Marks),
            ("COMMIT WORK AND CHAIN", Effect::Marks),
            ("ROLLBACK TRANSACTION TO SAVEPOINT a", Effect::Marks),
            ("SELECT set_config('a.b', '1', false)", Effect::Marks),
            ("SELECT pg_advisory_lock(1)", Effect::Marks),
            ("SELECT pg_try_advisory_lock(1)", Effect::Marks),
            ("SELECT pg_advisory_xact_lock(1)", Effect::None),
            ("SELECT x INTO TEMP t FROM u", Effect::Marks),
            ("INSERT INTO t SELECT * FROM u", Effect::None),
            ("COMMIT PREPARED 'x'", Effect::Marks),
            ("SET search_path = a", Effect::Marks),
            ("CREATE TABLE t (a int)", Effect::None),
            ("CREATE TEMP TABLE t (a int)", Effect::Marks),
            ("CREATE TABLE pg_temp.t (a int)", Effect::Marks),
            (
                "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1",
                Effect::Marks,
            ),
            ("ALTER TABLE t ADD b int", Effect::None),
            ("-- a comment\nSELECT 1", Effect::Marks),
            ("DO $$ BEGIN END $$", Effect::Marks),
            ("", Effect::Marks),
        ] {
            assert_eq!(Effect::of_statement(sql), effect, "{sql}");
        }
    }
}
