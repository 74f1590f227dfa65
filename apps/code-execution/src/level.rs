//! `GET /ready/sandbox`: how resources are limited, and what is in store. `/ready` has the verdict.

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::json;

use crate::execution::Execution;

/// The route. It needs no token, like `/ready`.
pub fn route(execution: Execution) -> Router {
    Router::new().route("/ready/sandbox", get(move || respond(execution.clone())))
}

/// 200 or 503, the mode, jails that are warm (of these rich), being started, in use, wanted; and programs that run or
/// wait for a slot.
async fn respond(execution: Execution) -> impl IntoResponse {
    let pool = execution.sandbox().pool();
    let programs = |(running, waiting)| json!({ "running": running, "waiting": waiting });
    let failure = execution.check().await.err();
    let code = if failure.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let level = json!({
        "status": failure.as_deref().unwrap_or("ok"),
        "mode": pool.mode.as_str(),
        "jails": {
            "warm": pool.ready,
            "rich": pool.rich,
            "starting": pool.starting,
            "running": pool.running,
            "target": pool.target,
        },
        "runs": programs(execution.runs().level()),
        "sessions": programs(execution.sessions().level()),
    });
    (code, Json(level))
}
