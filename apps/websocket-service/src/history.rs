//! The chat's history: websocket-service tells it, progress-service stores it, each message once.

use std::fmt::Write as _;

use learnflow_proto::{
    events::ChatWritten,
    now,
    topics::{PROGRESS_EVENTS, PUBSUB},
    v1::{
        Answer, ChatMessage, ListChatMessagesRequest, ListChatMessagesResponse, ListStoredChatMessagesRequest,
        chat_service_server::ChatService, message_record_service_client::MessageRecordServiceClient,
    },
};
use learnflow_sidecar::{Context, Sidecar, persistently};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::message::Ask;

/// The history of all chats. Cheap to clone.
#[derive(Clone)]
pub struct History {
    sidecar: Sidecar,
}

impl History {
    /// Told and read through the app's sidecar.
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar }
    }

    /// A student asked something.
    pub async fn asked(&self, student: &str, request_id: &str, ask: &Ask) {
        let mut markdown = ask.text.clone();
        for (language, block) in [("python", &ask.code), ("", &ask.error)] {
            if let Some(block) = block.as_deref().filter(|block| !block.is_empty()) {
                let fence = fence(block);
                let _ = write!(markdown, "\n\n{fence}{language}\n{block}\n{fence}");
            }
        }
        self.tell(student, request_id, "student", markdown, None).await;
    }

    /// A tutor answered.
    pub async fn answered(&self, student: &str, answer: &Answer) {
        let (request_id, markdown) = (&answer.request_id, answer.markdown.clone());
        self.tell(student, request_id, "tutor", markdown, Some(answer.clone())).await;
    }

    async fn tell(&self, student: &str, request_id: &str, author: &str, markdown: String, answer: Option<Answer>) {
        let of_request = request_id.parse().unwrap_or(Uuid::NAMESPACE_OID);
        let message = ChatMessage {
            // Told twice it is still one message.
            id: Uuid::new_v5(&of_request, author.as_bytes()).to_string(),
            author: author.to_owned(),
            markdown,
            answer,
            created_at: Some(now()),
            request_id: request_id.to_owned(),
        };
        let event = ChatWritten { student_id: student.to_owned(), message: Some(message) };
        let publish = || self.sidecar.publish(PUBSUB, PROGRESS_EVENTS, student, &event);
        if let Err(error) = persistently(publish).await {
            tracing::warn!(%error, correlation_id = request_id, author, "a message is missing in the chat's history");
        }
    }
}

/// A fence that the block does not hold.
fn fence(block: &str) -> String {
    let mut fence = "```".to_owned();
    while block.contains(&fence) {
        fence.push('`');
    }
    fence
}

#[tonic::async_trait]
impl ChatService for History {
    async fn list_chat_messages(
        &self,
        request: Request<ListChatMessagesRequest>,
    ) -> Result<Response<ListChatMessagesResponse>, Status> {
        let ListChatMessagesRequest { student_id, page_size, page_token } = request.into_inner();
        let caller = Context::current().caller()?.id.clone();
        if !student_id.is_empty() && student_id != caller {
            return Err(Status::permission_denied("nobody reads another's chat"));
        }
        let mut client = MessageRecordServiceClient::new(self.sidecar.app("progress-service"));
        let request = ListStoredChatMessagesRequest { student_id: caller, page_size, page_token };
        let listed = client.list_stored_chat_messages(request).await?.into_inner();
        let (messages, next_page_token) = (listed.messages, listed.next_page_token);
        Ok(Response::new(ListChatMessagesResponse { messages, next_page_token }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-039: code in a message cannot end its own block.
    #[test]
    fn fences_hold_what_is_inside() {
        assert_eq!(fence("print(1)"), "```");
        assert_eq!(fence("s = '```'\nt = '````'"), "`````");
    }
}
