//! What the protos promise and this service does not do yet: it says so instead of making results up.

use learnflow_proto::v1::{
    CreateAssignmentRequest, CreateAssignmentResponse, CreateClassRequest, CreateClassResponse,
    GetClassProgressRequest, GetClassProgressResponse, JoinClassRequest, JoinClassResponse, ListAssignmentsRequest,
    ListAssignmentsResponse, ListClassesRequest, ListClassesResponse, class_service_server::ClassService,
};
use tonic::{Request, Response, Status};

/// `UNIMPLEMENTED`, in a sentence.
pub(crate) fn unbuilt(what: &str) -> Status {
    Status::unimplemented(format!("{what} is not built yet"))
}

type Answer<T> = Result<Response<T>, Status>;

/// Serves what is not there yet.
#[derive(Clone, Copy)]
pub struct Unbuilt;

#[tonic::async_trait]
impl ClassService for Unbuilt {
    async fn create_class(&self, _: Request<CreateClassRequest>) -> Answer<CreateClassResponse> {
        Err(unbuilt("making classes"))
    }

    async fn list_classes(&self, _: Request<ListClassesRequest>) -> Answer<ListClassesResponse> {
        Err(unbuilt("the list of classes"))
    }

    async fn join_class(&self, _: Request<JoinClassRequest>) -> Answer<JoinClassResponse> {
        Err(unbuilt("joining classes"))
    }

    async fn get_class_progress(&self, _: Request<GetClassProgressRequest>) -> Answer<GetClassProgressResponse> {
        Err(unbuilt("class progress"))
    }

    async fn create_assignment(&self, _: Request<CreateAssignmentRequest>) -> Answer<CreateAssignmentResponse> {
        Err(unbuilt("assigning exercises"))
    }

    async fn list_assignments(&self, _: Request<ListAssignmentsRequest>) -> Answer<ListAssignmentsResponse> {
        Err(unbuilt("the list of assignments"))
    }
}
