//! What a person may ask for of what is held on them: all of it ([`export`]), or that none of it is ([`erase`]); and that
//! what they wrote cannot be read in a stolen backup ([`reseal`]).

pub mod erase;
pub mod export;
pub mod reseal;

use deadpool_postgres::GenericClient;

use crate::database::{DatabaseError, Statement, query_in};

/// Tables with rows that go with their user, and the column that says whose they are.
const OWNED: Statement = Statement {
    name: "privacy.owned",
    sql: "SELECT c.relname::text AS table_name, a.attname::text AS column_name
          FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
          JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
          WHERE f.contype = 'f' AND f.confrelid = 'users'::regclass AND f.confdeltype = 'c'
          ORDER BY c.relname, a.attname",
};

/// The rows of a table that are about a user, whose id is `$1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The table.
    pub table: String,
    /// Which rows.
    pub condition: String,
    /// Whether they belong to the user, and go with them.
    pub owned: bool,
}

/// Where something is held on users: found in the schema, so that no table is forgotten, and what has no foreign key.
pub(crate) async fn held(client: &impl GenericClient) -> Result<Vec<Held>, DatabaseError> {
    let owned = query_in(client, &OWNED, &[]).await?.into_iter().map(|row| {
        // The names are the catalogue's own.
        let (table, column): (String, String) = (row.get("table_name"), row.get("column_name"));
        let condition = match table.as_str() {
            // Those that a teacher gave are their words, too.
            "assignments" => "student_id = $1 OR class_id IN (SELECT id FROM classes WHERE teacher_id = $1)".to_owned(),
            _ => format!("\"{column}\" = $1"),
        };
        Held { table, condition, owned: true }
    });
    let other =
        |table: &str, condition: &str, owned| Held { table: table.to_owned(), condition: condition.to_owned(), owned };
    let others = [
        other("users", "id = $1", false),
        other("events", "student_id = $1", true),
        other("outbox", "partition_key = $1::uuid::text", true),
        // The trail of who did what to whose data outlives accounts: it names nobody but by ids that mean nothing then.
        other("audit", "subject_id = $1 OR actor_id = $1", false),
    ];
    Ok(others.into_iter().chain(owned).collect())
}
