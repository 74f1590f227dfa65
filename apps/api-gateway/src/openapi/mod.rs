//! The `OpenAPI` document of the REST side. Messages come from the protobuf descriptors, routes from one table.

mod document;
mod operations;
mod piston;
mod responses;
mod schemas;
#[cfg(test)]
mod tests;

use axum::Router;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Where the document is.
const DOCUMENT: &str = "/api/v1/openapi.json";

/// `GET /api/v1/openapi.json`, and `/docs` to browse it. Every file of the page is in the binary.
pub fn router() -> anyhow::Result<Router> {
    // Without "none" the page would ask a validator on the internet about the document.
    let config = Config::default().validator_url("none").display_request_duration(true).persist_authorization(true);
    Ok(SwaggerUi::new("/docs").config(config).url(DOCUMENT, document::document()?).into())
}
