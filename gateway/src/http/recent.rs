//! `GET /events`: the correlations in which something happened last, as far as the token allows.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use eventing_http::Whose;
use eventing_service::Problem;
use serde::Deserialize;

use super::{Gateway, journal_problem};
use crate::viewer::{Reach, Viewer};

/// Correlations of one answer.
const LIMIT: usize = 50;

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    cursor: Option<String>,
}

pub(super) async fn get_recent(
    State(gateway): State<Gateway>,
    viewer: Viewer,
    ask: Result<Query<Ask>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(ask) = ask?;
    let found = gateway.journal.correlations(&whose(viewer), LIMIT, ask.cursor.as_deref()).await;
    let mut response = Json(found.map_err(|error| journal_problem(&error))?).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Those that the journal is asked for: it counts events with a signed envelope alone, unless all are meant.
fn whose(viewer: Viewer) -> Whose {
    let Viewer { user, tenant, reach, expires: _ } = viewer;
    match reach {
        Reach::Own => Whose { user: Some(user), tenant: None },
        Reach::Tenant => Whose { user: Some(user), tenant },
        Reach::All => Whose::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    #[test]
    fn nobody_asks_for_more_than_they_may_see() {
        let asked = |tenant, reach| {
            let Whose { user, tenant } = whose(viewer("ada", tenant, reach));
            (user, tenant)
        };
        let (ada, north) = (Some("ada".to_owned()), Some("north".to_owned()));
        assert_eq!(asked(Some("north"), Reach::Own), (ada.clone(), None));
        assert_eq!(asked(Some("north"), Reach::Tenant), (ada.clone(), north));
        // A scope for a tenant that the token does not name adds nothing.
        assert_eq!(asked(None, Reach::Tenant), (ada, None));
        assert_eq!(asked(Some("north"), Reach::All), (None, None));
    }
}
