//! OpenAPI.
use axum::Router;
pub fn router() -> anyhow::Result<Router> {
    Ok(Router::new())
}
