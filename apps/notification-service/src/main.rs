//! notification-service: tells people in the app what they should know.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]

mod notifications;
mod occasions;
mod post;

use learnflow_proto::{
    topics::{NOTIFICATION_REQUESTS, STRUGGLE_DETECTED},
    v1::notification_service_server::NotificationServiceServer,
};
use learnflow_service::{App, Service};

use crate::{notifications::Notifications, occasions::Occasions, post::Post};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("notification-service", 8109)?;
    let post = Post::new(service.sidecar().clone());
    let struggles = Occasions::new(post.clone(), service.stopping());
    let (assignments, levels) = (struggles.clone(), struggles.clone());
    let callback = service
        .callback()
        .on(STRUGGLE_DETECTED, move |event| struggles.clone().struggle(event))
        .on(NOTIFICATION_REQUESTS, move |event| assignments.clone().assignment(event))
        .on(NOTIFICATION_REQUESTS, move |event| levels.clone().level(event));
    let app = App::new(callback).grpc(NotificationServiceServer::new(Notifications::new(post)));
    service.serve(app).await?;
    Ok(())
}
