//! What was tried, and how each was refused. Whatever was not refused ends the test.

use std::fmt;

use serde_json::Value;

use crate::judge::Verdict;

#[derive(Default)]
pub struct Table {
    rows: Vec<(String, String)>,
    /// What differs from run to run, and what stands for it.
    stand_ins: Vec<(String, String)>,
}

impl Table {
    /// What the API server answered.
    pub fn api<T>(&mut self, tried: &str, answer: Result<T, kube::Error>) {
        let Err(error) = answer else { panic!("{tried}: the API server did it") };
        let kube::Error::Api(status) = error else { panic!("{tried}: {error}") };
        self.row(tried, format!("{}: {}", status.code, status.message));
    }

    /// What the signature service answered.
    pub fn http(&mut self, tried: &str, (status, answer): (u16, Value)) {
        assert!(status >= 400, "{tried}: {status}");
        let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
        self.row(tried, format!("{status} {}: {}", text("code"), text("detail")));
    }

    /// What the inbox's consumer made of a message.
    pub fn verdict(&mut self, tried: &str, verdict: &Verdict) {
        assert_ne!(*verdict, Verdict::Accepted, "{tried}");
        self.row(tried, verdict);
    }

    /// What an object says of itself, or a document's reader of it.
    pub fn row(&mut self, tried: &str, refused: impl fmt::Display) {
        self.rows.push((tried.to_owned(), refused.to_string()));
    }

    /// What is let through, so that a refusal means something.
    pub fn control(&mut self, done: &str, outcome: impl fmt::Display) {
        self.row(&format!("CONTROL: {done}"), outcome);
    }

    /// `name` is shown in place of `text`.
    pub fn call(&mut self, text: impl Into<String>, name: &str) {
        self.stand_ins.push((text.into(), format!("<{name}>")));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (tried, outcome)) in self.rows.iter().enumerate() {
            let mut outcome = outcome.clone();
            for (text, name) in &self.stand_ins {
                outcome = outcome.replace(text, name);
            }
            writeln!(f, "{:>2}. {tried}\n      {outcome}", number + 1)?;
        }
        Ok(())
    }
}
