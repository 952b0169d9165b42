//! Whose a thing is that has no tags: its text says so. Archives have a description, dashboards a text widget.

use crate::installation::Installation;
use crate::owner::Owner;

const MADE_FOR: &str = "Made by QSL Eventing for ";

/// The mark of `owner` in this cluster.
pub(super) fn mark(installation: &Installation, owner: &Owner) -> String {
    format!("{MADE_FOR}{owner} of cluster {}", installation.cluster_id)
}

/// Whose a thing with that text is, in a reader's words.
pub(super) fn describe_owner(text: &str) -> String {
    match text.split_once(MADE_FOR) {
        Some((_, owner)) if !owner.is_empty() => owner.lines().next().unwrap_or_default().to_owned(),
        _ => "somebody else (it carries no mark of an installation)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::tests::installation;
    use crate::owner::Kind;

    #[test]
    fn a_mark_names_its_owner_and_text_without_one_names_nobody() {
        let owner =
            Owner { kind: Kind::EventBus, namespace: "planes".into(), name: "acme".into(), uid: "uid-1".into() };
        let text = format!("# Bus\n{}\nand more", mark(&installation("cluster-a"), &owner));
        assert_eq!(describe_owner(&text), "EventBus planes/acme of cluster cluster-a");
        assert!(describe_owner("somebody's archive").starts_with("somebody else"));
    }
}
