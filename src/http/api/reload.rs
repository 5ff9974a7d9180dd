//! `POST /api/v1/reload`: reads the configuration again, as SIGHUP does.
//!
//! Invariant: a configuration with mistakes changes nothing, and whoever asked learns of them.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::http::access::{Role, Visitor};
use crate::http::api::Api;
use crate::http::problem::Problem;

/// How long the files of a configuration may take to be read: a reload that is under way comes first.
const ANSWER_WAIT: Duration = Duration::from_secs(8);

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Reloading {
    /// Always `reloading`: the files have no mistakes, and what they say is being started.
    #[schema(example = "reloading")]
    state: &'static str,
}

/// Reads the configuration again
///
/// Its mistakes are the answer, and the old one stays in force. Without any, the service takes it over after the answer;
/// when it cannot be started, such as for an address that is taken, the log says so and the old one is started again.
#[utoipa::path(
    post, path = "/reload", tag = "service", operation_id = "reload",
    responses(
        (status = 202, description = "the configuration is read without mistakes and taken over", body = Reloading, example = json!({ "state": "reloading" })),
        (status = 422, description = "the configuration has mistakes, or there is no file to read, so nothing was changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the configuration cannot be taken over, so the old one stays in force", "status": 422,
            "detail": "error: there is no setting 'recievers' here; did you mean 'receivers'?",
        })),
        (status = 503, description = "the service did not answer", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service did not answer in time", "status": 503, "detail": "a reload may be under way; see the log",
        })),
    )
)]
pub(super) async fn reload(
    State(api): State<Api>,
    Extension(visitor): Extension<Visitor>,
) -> Result<(StatusCode, Json<Reloading>), Problem> {
    // The gate says so before; whoever gets here by another way must not reload either.
    if visitor.may < Role::Admin {
        let problem = Problem::new(StatusCode::FORBIDDEN, "this token does not allow it");
        return Err(problem.with_detail("use one whose 'may' is admin"));
    }
    let name = &visitor.name;
    tracing::info!(%name, "a reload of the configuration was asked for by the API");
    let (answer, answered) = oneshot::channel();
    let asked = async {
        api.desk.reload.send(answer).await.ok()?;
        answered.await.ok()
    };
    match timeout(ANSWER_WAIT, asked).await {
        Ok(Some(Ok(()))) => Ok((StatusCode::ACCEPTED, Json(Reloading { state: "reloading" }))),
        Ok(Some(Err(why))) => {
            let title = "the configuration cannot be taken over, so the old one stays in force";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, title).with_detail(why))
        }
        Ok(None) | Err(_) => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the service did not answer in time");
            Err(problem.with_detail("a reload may be under way; see the log").for_now())
        }
    }
}
