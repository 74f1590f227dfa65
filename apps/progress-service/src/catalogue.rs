//! What the database knows of the curriculum: the ids, titles and places that facts refer to, and no content.

use std::time::Duration;

use learnflow_curriculum::Curriculum;

use crate::database::{Database, DatabaseError, Statement, query_in};

/// What is gone from the curriculum stays: facts refer to it.
const MODULES: Statement = Statement {
    name: "catalogue.modules",
    sql: "INSERT INTO modules (id, title, position) SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])
          ON CONFLICT (id) DO UPDATE SET title = excluded.title, position = excluded.position
          WHERE (modules.title, modules.position) IS DISTINCT FROM (excluded.title, excluded.position)",
};
const TOPICS: Statement = Statement {
    name: "catalogue.topics",
    sql: "INSERT INTO topics (id, module_id, title, position)
          SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[])
          ON CONFLICT (id) DO UPDATE
          SET module_id = excluded.module_id, title = excluded.title, position = excluded.position
          WHERE (topics.module_id, topics.title, topics.position)
                IS DISTINCT FROM (excluded.module_id, excluded.title, excluded.position)",
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Writes the curriculum's modules and topics; tries until it is done.
pub async fn run(database: &Database, curriculum: &Curriculum) {
    let mut pause = FIRST_PAUSE;
    while let Err(error) = write(database, curriculum).await {
        tracing::warn!(%error, "the curriculum's topics are not in the database yet");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Writes the curriculum's modules and topics.
///
/// # Errors
/// [`DatabaseError`] when nothing was written.
pub async fn write(database: &Database, curriculum: &Curriculum) -> Result<(), DatabaseError> {
    let place = |order: u32| i32::try_from(order).unwrap_or(i32::MAX);
    let modules = curriculum.modules();
    let topics: Vec<_> = curriculum.topics().collect();
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    query_in(
        &transaction,
        &MODULES,
        &[
            &modules.iter().map(|module| module.id.as_str()).collect::<Vec<_>>(),
            &modules.iter().map(|module| module.title.as_str()).collect::<Vec<_>>(),
            &modules.iter().map(|module| place(module.order)).collect::<Vec<_>>(),
        ],
    )
    .await?;
    query_in(
        &transaction,
        &TOPICS,
        &[
            &topics.iter().map(|topic| topic.id.as_str()).collect::<Vec<_>>(),
            &topics.iter().map(|topic| topic.module.as_str()).collect::<Vec<_>>(),
            &topics.iter().map(|topic| topic.title.as_str()).collect::<Vec<_>>(),
            &topics.iter().map(|topic| place(topic.order)).collect::<Vec<_>>(),
        ],
    )
    .await?;
    transaction.commit().await?;
    Ok(())
}
