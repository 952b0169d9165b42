//! How a tree reads.

use std::fmt::Write as _;

use super::tree::{Bus, Inbox, Key, Object, Rule, Target, Tree};
use crate::table::{harmless, span};

/// A line with what hangs below it.
struct Node {
    line: String,
    below: Vec<Node>,
}

/// The lines of the tree; what is not well is red where `colours` may be.
pub(super) fn lines(tree: &Tree, colours: bool) -> String {
    let mark = Mark { colours };
    let mut roots: Vec<Node> = tree.buses.iter().map(|bus| mark.bus(bus)).collect();
    if !tree.rules_without_bus.is_empty() {
        let below = tree.rules_without_bus.iter().map(|rule| mark.rule(rule, true)).collect();
        roots.push(Node { line: "Rules of buses that are not here".to_owned(), below });
    }
    if !tree.keys_without_bus.is_empty() {
        let below = tree.keys_without_bus.iter().map(|key| mark.key(key)).collect();
        roots.push(Node { line: "SigningKeys of buses that are not here".to_owned(), below });
    }
    if !tree.unfed_inboxes.is_empty() {
        let below = tree.unfed_inboxes.iter().map(|inbox| mark.inbox(inbox)).collect();
        roots.push(Node { line: "Inboxes that no rule here feeds".to_owned(), below });
    }
    let mut text = String::new();
    for root in &roots {
        let _ = writeln!(text, "{}", root.line);
        draw(&mut text, &root.below, "");
    }
    text
}

fn draw(text: &mut String, nodes: &[Node], indent: &str) {
    for (nth, node) in nodes.iter().enumerate() {
        let is_last = nth + 1 == nodes.len();
        let (branch, next) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let _ = writeln!(text, "{indent}{branch}{}", node.line);
        draw(text, &node.below, &format!("{indent}{next}"));
    }
}

struct Mark {
    colours: bool,
}

impl Mark {
    fn bus(&self, bus: &Bus) -> Node {
        let publishing = if bus.publishing { String::new() } else { format!(", {}", self.bad("publishing is off")) };
        let facts = format!("{}, {}{publishing}", bus.named, count(bus.publishers, "publisher"));
        let keys = bus.keys.iter().map(|key| self.key(key));
        let keys: Vec<Node> = if bus.keys.is_empty() {
            vec![Node { line: self.bad("no SigningKey: nothing can be published"), below: Vec::new() }]
        } else {
            keys.collect()
        };
        let rules = bus.rules.iter().map(|rule| self.rule(rule, false));
        Node { line: self.object("EventBus", &bus.object, &facts), below: keys.into_iter().chain(rules).collect() }
    }

    fn key(&self, key: &Key) -> Node {
        let signs = key.active_kid.as_ref().map_or_else(|| self.bad("no key signs"), |kid| format!("{kid} signs"));
        let overdue = if key.overdue { format!(", {}", self.bad("the next is overdue")) } else { String::new() };
        let line = self.object("SigningKey", &key.object, &format!("{}, {signs}{overdue}", key.algorithm));
        Node { line, below: Vec::new() }
    }

    fn rule(&self, rule: &Rule, names_bus: bool) -> Node {
        let of = if names_bus { format!("of {}", rule.bus) } else { String::new() };
        let state = if rule.enabled { String::new() } else { self.bad("disabled") };
        let facts: Vec<String> = [of, state].into_iter().filter(|fact| !fact.is_empty()).collect();
        let below = rule.targets.iter().map(|target| match target {
            Target::Inbox(inbox) => self.inbox(inbox),
            Target::Elsewhere(id) => {
                Node { line: format!("InboxQueue {} (not looked at)", harmless(id)), below: vec![] }
            }
            Target::Queue(arn) => Node { line: format!("queue {}", harmless(arn)), below: vec![] },
        });
        Node { line: self.object("EventRule", &rule.object, &facts.join(", ")), below: below.collect() }
    }

    fn inbox(&self, inbox: &Inbox) -> Node {
        let mut facts = Vec::new();
        if !inbox.consuming {
            facts.push(self.bad("paused"));
        }
        match inbox.depth {
            None => facts.push("not counted yet".to_owned()),
            Some(depth) => {
                let age = inbox.oldest_message_age_seconds.and_then(|age| u64::try_from(age).ok());
                let oldest =
                    age.filter(|_| depth > 0).map_or_else(String::new, |age| format!(", the oldest {}", span(age)));
                facts.push(format!("{depth} waiting{oldest}, {} in flight", inbox.in_flight.unwrap_or_default()));
            }
        }
        if let Some(letters) = inbox.dead_letters.filter(|letters| *letters > 0) {
            let Object { namespace, name, .. } = &inbox.object;
            facts.push(self.bad(&format!("{letters} dead: kubectl qsl dlq list -n {namespace} {name}")));
        }
        if let Some(ago) = inbox.counted_seconds_ago.and_then(|ago| u64::try_from(ago).ok()).filter(|ago| *ago > 120) {
            facts.push(format!("counted {} ago", span(ago)));
        }
        let pods = inbox.pods;
        let line = match (pods.ready, pods.all) {
            (_, 0) => "no pod consumes it".to_owned(),
            (ready, all) if ready == all => format!("{} ready", count(all, "pod")),
            (ready, all) => self.bad(&format!("{ready} of {} ready", count(all, "pod"))),
        };
        Node {
            line: self.object("InboxQueue", &inbox.object, &facts.join(", ")),
            below: vec![Node { line, below: Vec::new() }],
        }
    }

    fn object(&self, kind: &str, object: &Object, facts: &str) -> String {
        let Object { namespace, name, why, .. } = object;
        let facts = if facts.is_empty() { String::new() } else { format!("  {facts}") };
        let why = why
            .as_ref()
            .map_or_else(String::new, |why| format!("  {}", self.bad(&format!("not ready: {}", harmless(why)))));
        format!("{kind} {namespace}/{name}{facts}{why}")
    }

    fn bad(&self, text: &str) -> String {
        if self.colours { format!("\u{1b}[31m{text}\u{1b}[0m") } else { format!("! {text}") }
    }
}

fn count(of: usize, what: &str) -> String {
    if of == 1 { format!("1 {what}") } else { format!("{of} {what}s") }
}
