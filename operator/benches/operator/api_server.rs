//! What the API server counted.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::Client;

/// Requests by group, resource (with its subresource) and verb.
#[derive(Debug, Clone, Default)]
pub struct Requests(BTreeMap<(String, String, String), u64>);

/// Asks for the count of all requests until now.
pub async fn requests(client: &Client) -> Result<Requests> {
    let request = axum::http::Request::get("/metrics").body(Vec::new())?;
    Ok(parse(&client.request_text(request).await?))
}

fn parse(text: &str) -> Requests {
    let mut requests = Requests::default();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("apiserver_request_total{") else { continue };
        let Some((labels, value)) = rest.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            let begins = format!("{name}=\"");
            let found = labels.split(',').find_map(|label| label.strip_prefix(begins.as_str()));
            found.map(|value| value.trim_end_matches('"').to_owned()).unwrap_or_default()
        };
        let (resource, subresource) = (label("resource"), label("subresource"));
        let resource = if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") };
        let key = (label("group"), resource, label("verb"));
        // Prometheus' numbers are floating; a count is whole.
        let whole = value.split('.').next().unwrap_or_default().parse::<u64>().unwrap_or_default();
        *requests.0.entry(key).or_default() += whole;
    }
    requests
}

impl Requests {
    /// Writes of the operator to a resource of ours and to its status. Objects are made by POST, which is not its doing.
    pub fn operator_writes(&self, resource: &str) -> u64 {
        let of_it = |found: &str| found.split('/').next() == Some(resource);
        self.sum(|group, found, verb| group == "eventing.qsl.dev" && of_it(found) && is_write(verb) && verb != "POST")
    }

    /// Kubernetes Events that were written.
    pub fn events(&self) -> u64 {
        self.sum(|_, resource, verb| resource == "events" && is_write(verb))
    }

    fn sum(&self, wanted: impl Fn(&str, &str, &str) -> bool) -> u64 {
        let found = self.0.iter().filter(|((group, resource, verb), _)| wanted(group, resource, verb));
        found.map(|(_, count)| count).sum()
    }
}

fn is_write(verb: &str) -> bool {
    matches!(verb, "POST" | "PUT" | "PATCH" | "APPLY" | "DELETE")
}
