//! The RPCs: messages in, messages out.

use std::str::FromStr as _;

use learnflow_proto::v1::{
    ConfirmAssignmentRequest, ConfirmAssignmentResponse, CreateAssignmentRequest, CreateAssignmentResponse,
    CreateClassRequest, CreateClassResponse, DropAssignmentRequest, DropAssignmentResponse, GetAssignmentRequest,
    GetAssignmentResponse, GetClassProgressRequest, GetClassProgressResponse, JoinClassRequest, JoinClassResponse,
    ListAssignmentsRequest, ListAssignmentsResponse, ListClassesRequest, ListClassesResponse, RemoveStudentRequest,
    RemoveStudentResponse, RenewJoinCodeRequest, RenewJoinCodeResponse, class_service_server::ClassService,
};
use learnflow_sidecar::Context;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Classes, membership::class};
use crate::{
    page::Page,
    progress::parse_position,
    users::{some_id, user_id},
};

type Answer<T> = Result<Response<T>, Status>;

fn class_id(text: &str) -> Result<Uuid, Status> {
    some_id(text, "class_id", "a class id")
}

fn assignment_id(text: &str) -> Result<Uuid, Status> {
    some_id(text, "id", "an assignment id")
}

#[tonic::async_trait]
impl ClassService for Classes {
    async fn create_class(&self, request: Request<CreateClassRequest>) -> Answer<CreateClassResponse> {
        let context = Context::current();
        let name = request.into_inner().name.trim().to_owned();
        let (id, join_code) = self.make(context.caller()?, &name).await?;
        Ok(Response::new(CreateClassResponse { id: id.to_string(), name, join_code }))
    }

    async fn list_classes(&self, request: Request<ListClassesRequest>) -> Answer<ListClassesResponse> {
        let ListClassesRequest { page_size, page_token } = request.into_inner();
        let context = Context::current();
        let caller = context.caller()?;
        let page = Page::read(page_size, page_token.as_deref(), |token| {
            let (id, name) = token.split_once('.')?;
            Some((name.to_owned(), Uuid::from_str(id).ok()?))
        })?;
        let mut rows = self.list(caller, &page).await?;
        let next_page_token =
            page.cut(&mut rows, |row| format!("{}.{}", row.get::<_, Uuid>("id"), row.get::<_, &str>("name")));
        let classes = rows.iter().map(|row| class(row, caller)).collect();
        Ok(Response::new(ListClassesResponse { classes, next_page_token }))
    }

    async fn join_class(&self, request: Request<JoinClassRequest>) -> Answer<JoinClassResponse> {
        let context = Context::current();
        let caller = context.caller()?;
        let joined = self.join(caller, &request.into_inner().join_code).await?;
        let row = self.get(joined).await?;
        Ok(Response::new(JoinClassResponse { class: Some(class(&row, caller)) }))
    }

    async fn renew_join_code(&self, request: Request<RenewJoinCodeRequest>) -> Answer<RenewJoinCodeResponse> {
        let id = class_id(&request.into_inner().class_id)?;
        let context = Context::current();
        let caller = context.caller()?;
        self.taught(caller, id).await?;
        self.renew(id).await?;
        let row = self.get(id).await?;
        Ok(Response::new(RenewJoinCodeResponse { class: Some(class(&row, caller)) }))
    }

    async fn remove_student(&self, request: Request<RemoveStudentRequest>) -> Answer<RemoveStudentResponse> {
        let RemoveStudentRequest { class_id: id, student_id } = request.into_inner();
        let context = Context::current();
        self.remove(context.caller()?, class_id(&id)?, user_id(&student_id, "student_id")?).await?;
        Ok(Response::new(RemoveStudentResponse {}))
    }

    async fn get_class_progress(&self, request: Request<GetClassProgressRequest>) -> Answer<GetClassProgressResponse> {
        let GetClassProgressRequest { class_id: id, page_size, page_token } = request.into_inner();
        let id = class_id(&id)?;
        let context = Context::current();
        let caller = context.caller()?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        self.taught(caller, id).await?;
        let summary = if page.after.is_none() { Some(self.summary(id).await?) } else { None };
        let (students, next_page_token) = self.students(id, &page).await?;
        let read: Vec<Uuid> = students.iter().filter_map(|student| student.user_id.parse().ok()).collect();
        self.access.audit().note(caller, "class.read", &read).await?;
        Ok(Response::new(GetClassProgressResponse { students, next_page_token, summary }))
    }

    async fn create_assignment(&self, request: Request<CreateAssignmentRequest>) -> Answer<CreateAssignmentResponse> {
        let context = Context::current();
        let (assignment, exercise) = self.assign(context.caller()?, request.into_inner()).await?;
        let (assignment, exercise) = (Some(assignment), Some(exercise));
        Ok(Response::new(CreateAssignmentResponse { assignment, exercise }))
    }

    async fn confirm_assignment(
        &self,
        request: Request<ConfirmAssignmentRequest>,
    ) -> Answer<ConfirmAssignmentResponse> {
        let id = assignment_id(&request.into_inner().id)?;
        let assignment = Some(self.confirm(Context::current().caller()?, id).await?);
        Ok(Response::new(ConfirmAssignmentResponse { assignment }))
    }

    async fn drop_assignment(&self, request: Request<DropAssignmentRequest>) -> Answer<DropAssignmentResponse> {
        let id = assignment_id(&request.into_inner().id)?;
        self.withdraw(Context::current().caller()?, id).await?;
        Ok(Response::new(DropAssignmentResponse {}))
    }

    async fn get_assignment(&self, request: Request<GetAssignmentRequest>) -> Answer<GetAssignmentResponse> {
        let GetAssignmentRequest { id, page_size, page_token } = request.into_inner();
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        let found = self.assignment(Context::current().caller()?, assignment_id(&id)?, &page).await?;
        Ok(Response::new(found))
    }

    async fn list_assignments(&self, request: Request<ListAssignmentsRequest>) -> Answer<ListAssignmentsResponse> {
        let ListAssignmentsRequest { class_id: class, page_size, page_token } = request.into_inner();
        let class = class.as_deref().map(class_id).transpose()?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        let (assignments, next_page_token) = self.assignments(Context::current().caller()?, class, &page).await?;
        Ok(Response::new(ListAssignmentsResponse { assignments, next_page_token }))
    }
}
