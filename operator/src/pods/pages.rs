//! Reading a long list a page at a time, so that neither we nor the API server hold all of it.

use std::future::Future;

use kube::{api::ListParams, core::ObjectList};

/// How many objects are read at a time.
const PAGE: u32 = 250;

/// Hands all that `list` holds to `each`. A walk that outlives the API server's patience ends with its 410, and is begun
/// anew by whoever made it.
pub async fn walk<K: Clone, F>(
    list: impl Fn(ListParams) -> F,
    params: ListParams,
    mut each: impl FnMut(K),
) -> Result<(), kube::Error>
where
    F: Future<Output = Result<ObjectList<K>, kube::Error>>,
{
    let mut params = params.limit(PAGE);
    loop {
        let page = list(params.clone()).await?;
        page.items.into_iter().for_each(&mut each);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{cell::RefCell, future::ready};

    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn every_page_is_read_and_each_is_asked_for_by_the_one_before() {
        let asked = RefCell::new(Vec::new());
        let list = |params: ListParams| {
            asked.borrow_mut().push((params.limit, params.continue_token.clone()));
            let (names, next) = match params.continue_token.as_deref() {
                None => (["a", "b"], json!("second")),
                Some("second") => (["c", "d"], json!("third")),
                // The API server ends with an empty token, or with none.
                _ => (["e", "f"], json!("")),
            };
            let items = names.map(|name| json!({"metadata": {"name": name}}));
            let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": next}, "items": items});
            ready(Ok(serde_json::from_value::<ObjectList<Pod>>(list).unwrap()))
        };
        let mut found = Vec::new();
        walk(list, ListParams::default(), |pod: Pod| found.extend(pod.metadata.name)).await.unwrap();
        assert_eq!(found, ["a", "b", "c", "d", "e", "f"]);
        let tokens = [None, Some("second".to_owned()), Some("third".to_owned())];
        assert_eq!(*asked.borrow(), tokens.map(|token| (Some(PAGE), token)));
    }
}
