use std::{future::Future, time::Duration};

use learnflow_proto::{events::AnswerPart, topics, v1::Question};
use learnflow_sidecar::Sidecar;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Parts are no closer together than this; the first one goes out at once.
const APART: Duration = Duration::from_millis(50);

/// Where the parts of an answer go while it is written.
pub struct Parts {
    send: Box<dyn FnMut(u32, String) -> futures::future::BoxFuture<'static, ()> + Send>,
    sequence: u32,
    sent: String,
    in_step: bool,
}

impl Parts {
    /// Parts for `send`, numbered from 1.
    pub fn new(send: impl FnMut(u32, String) -> futures::future::BoxFuture<'static, ()> + Send + 'static) -> Self {
        Self { send: Box::new(send), sequence: 0, sent: String::new(), in_step: true }
    }

    /// Parts published to learning.responses, for whoever waits for the answer of a question.
    pub fn publish(sidecar: Sidecar, question: &Question) -> Self {
        let empty = AnswerPart {
            request_id: question.request_id.clone(),
            student_id: question.student_id.clone(),
            channel: question.channel.clone(),
            ..AnswerPart::default()
        };
        Self::new(move |sequence, text| {
            let part = AnswerPart { sequence, text, ..empty.clone() };
            let sidecar = sidecar.clone();
            Box::pin(async move {
                // Its place in the order is enough: the writer doesn't wait for the broker. A part that is lost is made
                // up for by the whole answer.
                let student = part.student_id.as_str();
                if let Err(error) = sidecar.enqueue(topics::ANSWERS, topics::LEARNING_RESPONSES, student, &part).await {
                    tracing::warn!(%error, "a part of an answer was not published");
                }
            })
        })
    }

    /// Does the work while it sends what is new of its draft.
    pub(crate) async fn follow<F: Future>(&mut self, mut draft: watch::Receiver<String>, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        let mut next = Instant::now();
        let (mut waiting, mut open) = (false, true);
        loop {
            tokio::select! {
                biased;
                output = &mut work => return output,
                () = sleep_until(next), if waiting => {
                    waiting = false;
                    let text = draft.borrow_and_update().clone();
                    self.advance(&text).await;
                    next = Instant::now() + APART;
                }
                changed = draft.changed(), if open && !waiting => match changed {
                    Ok(()) => waiting = true,
                    Err(_) => open = false,
                },
            }
        }
    }

    /// Sends what `text` has beyond what was sent. A text that is another one, since the model began anew, is not sent
    /// in parts any more: the whole answer will replace what was sent.
    async fn advance(&mut self, text: &str) {
        match text.strip_prefix(self.sent.as_str()) {
            Some(new) if self.in_step && !new.is_empty() => {
                self.sequence += 1;
                self.sent = text.to_owned();
                (self.send)(self.sequence, new.to_owned()).await;
            }
            Some(_) => {}
            // Shorter: a new attempt that may still write the same.
            None => self.in_step &= self.sent.starts_with(text),
        }
    }
}
