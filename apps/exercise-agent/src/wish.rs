//! From a wish to an exercise, whoever wishes: a student with a question, somebody who leaves the seed to chance, a teacher
//! with a description.

use std::time::Duration;

use learnflow_curriculum::{Difficulty, Level, Topic};
use learnflow_proto::v1::Exercise;
use tokio::time::timeout;
use tonic::Status;
use uuid::Uuid;

use crate::{made::Made, practice::Practice};

/// How long an exercise may take to be written and verified. What is left of the caller's time is enough for a template.
const WRITING: Duration = Duration::from_secs(14);

/// What somebody wishes to practise, or to have practised.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// Who gets the exercise, and whose tokens it costs.
    pub user_id: &'a str,
    pub topic: &'a Topic,
    pub difficulty: Difficulty,
    /// The student's, where it is known.
    pub level: Option<Level>,
    /// The wish as it was said, if it was.
    pub words: Option<&'a str>,
    /// Stands for a template and its variation.
    pub seed: u32,
    /// Whether the model may write the exercise: not if somebody has chosen the seed.
    pub by_model: bool,
    /// The question that it answers: should it be worked twice, the exercise is the same.
    pub request_id: Option<&'a str>,
}

impl Wish<'_> {
    /// The id of the exercise that the model writes.
    pub fn id(&self) -> Uuid {
        let of_question = |id| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("exercise/model/{id}").as_bytes());
        self.request_id.map_or_else(Uuid::new_v4, of_question)
    }
}

impl Practice {
    /// The exercise for a wish, announced: written by the model if it may, there is one and the sandbox has verified what
    /// it wrote in time; from a template otherwise.
    pub async fn wished(&self, wish: &Wish<'_>) -> Result<Exercise, Status> {
        let made = match self.written(wish).await {
            Some(made) => made,
            None => self.exercise(wish.topic, wish.difficulty, wish.seed).await?,
        };
        // Not announced, it could not be submitted to for long.
        self.announce(wish.user_id, &made).await?;
        Ok(made.exercise)
    }

    async fn written(&self, wish: &Wish<'_>) -> Option<Made> {
        if !wish.by_model || !self.author().is_there() {
            return None;
        }
        let writing = async {
            let id = wish.id().to_string();
            if wish.request_id.is_some()
                && let Ok(Some(made)) = self.store().find(&id).await
            {
                return Some(made);
            }
            let draft = self.author().draft(id, wish).await?;
            self.verified(draft).await
        };
        timeout(WRITING, writing).await.unwrap_or_else(|_| {
            metrics::counter!("exercises_refused_total", "by" => "time").increment(1);
            tracing::warn!(topic = wish.topic.id, "the model's exercise was not verified in time");
            None
        })
    }
}
