use learnflow_proto::v1::{ListChatMessagesRequest, ListChatMessagesResponse, chat_service_server::ChatService};
use tonic::{Request, Response, Status};

/// Chat history.
pub struct Chat;

#[tonic::async_trait]
impl ChatService for Chat {
    async fn list_chat_messages(
        &self,
        _: Request<ListChatMessagesRequest>,
    ) -> Result<Response<ListChatMessagesResponse>, Status> {
        Err(Status::unimplemented("chat history is not built yet"))
    }
}
