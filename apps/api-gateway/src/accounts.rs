use learnflow_proto::v1::{
    CreateAccountRequest, ListKeysRequest, ListKeysResponse, LoginRequest, LoginResponse, LogoutRequest,
    LogoutResponse, RefreshRequest, RefreshResponse, RegisterRequest, RegisterResponse, VerifyPasswordRequest,
    auth_service_server::AuthService,
};
use learnflow_service::Violations;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::gateway::Gateway;

#[tonic::async_trait]
impl AuthService for Gateway {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let RegisterRequest { email, password, name } = request.into_inner();
        let account = CreateAccountRequest { email, password, name };
        let user = self.accounts().create_account(account).await?.into_inner().user;
        Ok(Response::new(RegisterResponse { user }))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<LoginResponse>, Status> {
        let LoginRequest { email, password } = request.into_inner();
        Violations::default().text(&email, "email", 254).text(&password, "password", 1_024).finish()?;
        let credentials = VerifyPasswordRequest { email, password };
        let verified = self.accounts().verify_password(credentials).await?.into_inner();
        let user = verified.user.ok_or_else(|| Status::internal("progress-service verified nobody"))?;
        let keys = self.keys().keys().await.map_err(|error| Status::unavailable(format!("{error:#}")))?;
        let lifetime = self.config().access_token_seconds;
        let access_token = keys
            .issue(&user.id, &user.role, lifetime.into(), Uuid::now_v7().to_string())
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(LoginResponse {
            access_token,
            token_type: "Bearer".to_owned(),
            expires_in: lifetime,
            refresh_token: None,
        }))
    }

    async fn refresh(&self, _: Request<RefreshRequest>) -> Result<Response<RefreshResponse>, Status> {
        Err(Status::unimplemented("refresh tokens are not built yet: sign in again when the access token expires"))
    }

    async fn logout(&self, _: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        Err(Status::unimplemented("signing out is not built yet: an access token ends by itself after an hour"))
    }

    async fn list_keys(&self, _: Request<ListKeysRequest>) -> Result<Response<ListKeysResponse>, Status> {
        let keys = self.keys().keys().await.map_err(|error| Status::unavailable(format!("{error:#}")))?;
        let jwks = serde_json::to_string(keys.published()).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(ListKeysResponse { jwks }))
    }
}
