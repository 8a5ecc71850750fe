//! The routes: `GET` and `PUT /users/ID` with a name as text, `GET /users/ID/greeting`, which a flag changes, and
//! `GET /status` for `flagkit migrate`.

use std::sync::Arc;
use std::{error, fmt};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flagkit_core::flag;
use flagkit_core::migrate::PlanError;

use crate::database::Error as DatabaseError;
use crate::name::Name;

/// The users, as the routes need them. Both releases of the store implement it.
pub(crate) trait Users: Send + Sync + 'static {
    /// Sets the name of a user.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no plan, or if the database fails. Then the name may be written or not.
    fn put(&self, id: i64, name: &Name) -> Result<(), Error>;

    /// Returns the name of a user, if there is one.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no plan, or if the database fails.
    fn get(&self, id: i64) -> Result<Option<Name>, Error>;
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The stage is not known, or this release does not support it.
    Plan(PlanError),
    /// An error of the database.
    Database(DatabaseError),
}

/// Returns the routes.
pub(crate) fn router<U: Users>(users: Arc<U>) -> Router {
    Router::new()
        .route("/users/{id}", get(get_user::<U>).put(put_user::<U>))
        .route("/users/{id}/greeting", get(greet_user::<U>))
        .with_state(users)
}

async fn get_user<U: Users>(State(users): State<Arc<U>>, Path(id): Path<i64>) -> Response {
    match blocking(move || users.get(id)).await {
        Ok(Some(name)) => name.to_string().into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failure(&*error),
    }
}

async fn greet_user<U: Users>(State(users): State<Arc<U>>, Path(id): Path<i64>) -> Response {
    match blocking(move || users.get(id)).await {
        Ok(Some(name)) if flag!("greet-by-first-name") => format!("Hello, {}!", name.first).into_response(),
        Ok(Some(name)) => format!("Hello, {name}!").into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failure(&*error),
    }
}

async fn put_user<U: Users>(State(users): State<Arc<U>>, Path(id): Path<i64>, name: String) -> Response {
    match blocking(move || users.put(id, &Name::split(&name))).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failure(&*error),
    }
}

/// Runs a query on a thread where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Box<dyn error::Error>> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

fn failure(error: &(dyn error::Error + 'static)) -> Response {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    eprintln!("migration: {text}");
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(_) => f.write_str("cannot select the columns of the user"),
            Self::Database(_) => f.write_str("cannot reach the user"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Plan(error) => Some(error),
            Self::Database(error) => Some(error),
        }
    }
}
