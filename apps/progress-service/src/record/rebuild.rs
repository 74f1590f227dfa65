//! Computes everything anew from the facts, and says where what is stored differs.

use futures::future::try_join;
use learnflow_mastery::Config;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    compute::{Computation, basis, settings},
    derived::{Changed, Derived},
    fact::micros,
    tables::{self, Change, STUDENTS, Stored, Wanted},
    weeks,
};
use crate::database::{Database, DatabaseError, Statement};

/// Students read at a time.
const PAGE: i64 = 500;

const WITHOUT_FACT: Statement = Statement {
    name: "rebuild.without_fact",
    sql: "SELECT 'submission ' || id AS what FROM submissions s
          WHERE user_id = $1 AND NOT EXISTS (SELECT FROM facts f WHERE f.id = s.id)
          UNION ALL
          SELECT 'attempt at a quiz ' || id FROM quiz_attempts a
          WHERE user_id = $1 AND topic_id IS NOT NULL AND NOT EXISTS (SELECT FROM facts f WHERE f.id = a.id)",
};

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Students looked at.
    pub students: usize,
    /// Facts computed from.
    pub facts: usize,
    /// Topics compared.
    pub topics: usize,
    /// Alerts compared.
    pub alerts: usize,
    /// Where what is stored differs from what was computed.
    pub differences: Vec<Difference>,
}

/// A stored value that differs from the computed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Whose record it is in.
    pub student: Uuid,
    /// What is stored and what should be.
    pub what: String,
}

/// Computes the record of one student or of all, each as of the moment at which it was last computed, and compares.
/// With `repair`, what differs is replaced. Beside a running service this is safe: a student is locked while compared.
///
/// # Errors
/// [`DatabaseError`] ends it; what was repaired before stays repaired.
pub async fn rebuild(
    database: &Database,
    config: &Config,
    only: Option<Uuid>,
    repair: bool,
) -> Result<Report, DatabaseError> {
    let mut report = Report::default();
    if let Some(student) = only {
        one(database, config, student, repair, &mut report).await?;
        return Ok(report);
    }
    let mut after = Uuid::nil();
    loop {
        let students = database.query(&STUDENTS, &[&after, &PAGE]).await?;
        let Some(last) = students.last() else { return Ok(report) };
        after = last.get("id");
        for row in &students {
            one(database, config, row.get("id"), repair, &mut report).await?;
        }
    }
}

async fn one(
    database: &Database,
    config: &Config,
    student: Uuid,
    repair: bool,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let locked = tables::lock(&transaction, &[student]).await?;
    let Some(locked) = locked.get(&student) else { return Ok(()) };
    let wanted = Wanted { whole: vec![student], ..Wanted::default() };
    let (mut found, without_fact) = try_join(
        tables::load(&transaction, &wanted),
        crate::database::query_in(&transaction, &WITHOUT_FACT, &[&student]),
    )
    .await?;
    let Stored { facts, resolved, rows } = found.remove(&student).unwrap_or_default();
    let stored = Derived { topics: rows.topics, alerts: rows.alerts, ..locked.whole.clone() };
    let now = micros(OffsetDateTime::now_utc());
    let basis = basis(&locked.owner, &settings(config));
    let compute =
        |now| Computation { owner: &locked.owner, now, config, basis }.whole(&facts, &resolved, &stored.alerts);
    let wanted = compute(locked.computed_at.unwrap_or(now));

    report.students += 1;
    report.facts += facts.len();
    report.topics += wanted.topics.len();
    report.alerts += wanted.alerts.len();
    let mut differences = differences(&stored, &wanted);
    if !differences.is_empty() && repair {
        let after = compute(now);
        let changed = Changed::between(&stored, &after);
        let change = Change { student, version: locked.version + 1, after: &after, changed: &changed };
        tables::write(&transaction, &[change], now).await?;
    }
    let of_weeks = weeks::differences(&transaction, &locked.owner, &facts, &config.mastery, repair).await?;
    differences.extend(of_weeks);
    if !differences.is_empty() && repair {
        transaction.commit().await?;
    }
    differences.extend(without_fact.iter().map(|row| format!("{}: has no fact", row.get::<_, String>("what"))));
    report.differences.extend(differences.into_iter().map(|what| Difference { student, what }));
    Ok(())
}

fn differences(stored: &Derived, computed: &Derived) -> Vec<String> {
    let mut found = Vec::new();
    // Which fact comes next is not known of records from before that was noted; the basis says which these are.
    let next = |derived: &Derived| derived.next_fact_at.filter(|_| stored.basis == computed.basis);
    let whole = |derived: &Derived| {
        (derived.streak_days, derived.longest_streak_days, derived.last_active, derived.valid_until, next(derived))
    };
    if whole(stored) != whole(computed) {
        found.push(format!("streak and validity: stored {:?}, computed {:?}", whole(stored), whole(computed)));
    }
    for id in stored.topics.keys().chain(computed.topics.keys().filter(|id| !stored.topics.contains_key(*id))) {
        let (stored, computed) = (stored.topics.get(id), computed.topics.get(id));
        if stored != computed {
            found.push(format!("topic {id}: stored {stored:?}, computed {computed:?}"));
        }
    }
    for id in stored.alerts.keys().chain(computed.alerts.keys().filter(|id| !stored.alerts.contains_key(*id))) {
        let (stored, computed) = (stored.alerts.get(id), computed.alerts.get(id));
        if stored != computed {
            found.push(format!("alert {id}: stored {stored:?}, computed {computed:?}"));
        }
    }
    found
}
