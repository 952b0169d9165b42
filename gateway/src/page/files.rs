//! The files, as they stand in `gateway/page`.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// A file of `gateway/page`, at a path.
macro_rules! file {
    ($path:expr, $name:literal, $kind:literal) => {
        File { path: $path, kind: $kind, text: include_str!(concat!("../../page/", $name)) }
    };
}

/// A module, by its name.
macro_rules! module {
    ($name:literal) => {
        file!(concat!("/page/", $name), $name, "text/javascript; charset=utf-8")
    };
}

const FILES: [File; 18] = [
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/page/page.css", "page.css", "text/css; charset=utf-8"),
    file!("/page/story.css", "story.css", "text/css; charset=utf-8"),
    file!("/page/icon.svg", "icon.svg", "image/svg+xml"),
    module!("api.js"),
    module!("dom.js"),
    module!("format.js"),
    module!("lanes.js"),
    module!("letters.js"),
    module!("main.js"),
    module!("payload.js"),
    module!("recent.js"),
    module!("session.js"),
    module!("standing.js"),
    module!("steps.js"),
    module!("story.js"),
    module!("stream.js"),
    module!("timeline.js"),
];

/// A route for each.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag = format!("\"{}\"", hex::encode(Sha256::digest(file.text)));
        router.route(file.path, get(async move |headers: HeaderMap| file.answer(&tag, &headers)))
    })
}

impl File {
    /// The file, or that it is still the one that the browser has. It is asked each time: an upgrade is seen at once.
    fn answer(&self, tag: &str, headers: &HeaderMap) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { self.text.into_response() };
        let own = response.headers_mut();
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(tag) {
            own.insert(header::ETAG, tag);
        }
        response
    }
}
