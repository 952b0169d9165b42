//! The licences of what is linked into a program, as one text: who wrote it, under which terms, and the terms themselves as
//! the packages bring them. What brings none has those of its licence from here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::packages::{Origin, Package};

/// Ours.
pub(super) const OURS: &str = include_str!("../../../LICENSE");
const MIT: &str = include_str!("../../licences/MIT.txt");
const LGPL: &str = include_str!("../../licences/LGPL-2.1.txt");

/// How the names of files with terms begin.
const FILES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
/// What is named so and is none.
const NOT: [&str; 5] = ["rs", "html", "py", "json", "toml"];
const RULE: &str = "--------------------------------------------------------------------------------";

/// The text of a program.
pub(super) fn text(own: &Package, linked: &[Package]) -> Result<String> {
    let mut list = format!(
        "{} {} is under the Apache License 2.0 (/licenses/LICENSE). Linked into it are the packages below; the terms stand\n\
         behind them, each text once.\n",
        own.name, own.version
    );
    let mut texts: BTreeMap<String, usize> = BTreeMap::new();
    for package in linked.iter().filter(|package| package.origin != Origin::Ours) {
        let of_package = terms(package).with_context(|| format!("licence of {} {}", package.name, package.version))?;
        let mut numbers: Vec<usize> = Vec::new();
        for text in of_package {
            let next = texts.len() + 1;
            numbers.push(*texts.entry(text).or_insert(next));
        }
        let numbers: Vec<String> = numbers.iter().map(|number| format!("[{number}]")).collect();
        let authors =
            if package.authors.is_empty() { String::new() } else { format!("; {}", package.authors.join(", ")) };
        // Writing to a string does not fail.
        let _ = writeln!(
            list,
            "\n{} {}{authors}\n  {} {}",
            package.name,
            package.version,
            package.licence,
            numbers.join(" ")
        );
        if let Some(repository) = &package.repository {
            let _ = writeln!(list, "  {repository}");
        }
    }
    let mut by_number: Vec<(usize, String)> = texts.into_iter().map(|(text, number)| (number, text)).collect();
    by_number.sort_unstable();
    for (number, text) in by_number {
        let _ = write!(list, "\n{RULE}\n[{number}]\n\n{text}\n");
    }
    Ok(list)
}

/// The terms of a package.
fn terms(package: &Package) -> Result<Vec<String>> {
    if let Origin::Registry { folder, .. } | Origin::Changed { folder } = &package.origin {
        let mut files = files(folder).with_context(|| folder.display().to_string())?;
        // What it builds from C or C++ has a folder of its own in it.
        if package.name.ends_with("-sys") {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    files.extend(self::files(&path)?);
                }
            }
            files.sort();
            files.dedup();
        }
        if !files.is_empty() {
            return files.iter().map(|file| Ok(clean(&String::from_utf8_lossy(&fs::read(file)?)))).collect();
        }
    }
    // Of several that hold at once, one text would not be all.
    let may_be = |licence: &str| {
        !package.licence.contains(" AND ")
            && package.licence.split(" OR ").any(|own| own.trim_matches(['(', ')']) == licence)
    };
    let terms = if may_be("Apache-2.0") {
        OURS.to_owned()
    } else if may_be("MIT") {
        let authors = if package.authors.is_empty() { package.name.clone() } else { package.authors.join(", ") };
        format!("MIT License\n\nCopyright (c) {authors}\n\n{MIT}")
    } else if may_be("LGPL-2.1-or-later") {
        LGPL.to_owned()
    } else if may_be("GPL-3.0-or-later WITH GCC-exception-3.1") {
        "Part of the GCC Runtime Library. Its exception gives permission to convey a program that it was linked into under\n\
         terms of one's choice: https://www.gnu.org/licenses/gcc-exception-3.1.html"
            .to_owned()
    } else {
        bail!("the package brings no text of {}, and xtask/licences has none", package.licence)
    };
    Ok(vec![clean(&terms)])
}

/// The files with terms in a package's folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_none =
            path.extension().is_some_and(|extension| NOT.iter().any(|not| extension.eq_ignore_ascii_case(not)));
        if !FILES.iter().any(|start| name.starts_with(start)) || is_none {
            continue;
        }
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                found.push(entry?.path());
            }
        } else {
            found.push(path);
        }
    }
    found.retain(|path| path.is_file());
    found.sort();
    Ok(found)
}

/// Without what differs between copies of one text: ends of lines, and empty lines around it.
fn clean(text: &str) -> String {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::bom::tests::package;
    use super::*;

    fn at(folder: &Path, name: &str, licence: &str) -> Package {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        let origin = Origin::Registry { folder, checksum: String::new() };
        Package { origin, licence: licence.to_owned(), ..package(name, &[]) }
    }

    #[test]
    fn the_terms_of_each_package_are_there_and_a_text_that_two_have_stands_once() {
        let root = tempfile::tempdir().unwrap();
        let one = at(root.path(), "one", "MIT OR Apache-2.0");
        let two = at(root.path(), "two", "MIT OR Apache-2.0");
        let bare = at(root.path(), "bare", "MIT");
        let native = at(root.path(), "native-sys", "MIT");
        fs::create_dir(root.path().join("native-sys/native")).unwrap();
        fs::write(root.path().join("native-sys/native/COPYING"), "The terms of native\n").unwrap();
        fs::write(root.path().join("one/LICENSE-MIT"), "The terms\r\nof both\r\n").unwrap();
        fs::write(root.path().join("two/COPYING"), "\nThe terms\nof both").unwrap();
        fs::write(root.path().join("two/license.rs"), "fn no() {}").unwrap();
        let text = text(&package("app", &[]), &[bare, native, one, two]).unwrap();
        assert_eq!(text.matches("The terms\nof both").count(), 1, "{text}");
        assert!(text.contains("one 1.2.3; Ada\n  MIT OR Apache-2.0 [3]\n"), "{text}");
        assert!(text.contains("two 1.2.3; Ada\n  MIT OR Apache-2.0 [3]\n"), "{text}");
        assert!(text.contains("native-sys 1.2.3; Ada\n  MIT [2]\n") && text.contains("The terms of native"), "{text}");
        assert!(text.contains("Copyright (c) Ada\n\nPermission is hereby granted"), "{text}");
        assert!(!text.contains("fn no()"), "{text}");
    }

    #[test]
    fn a_package_whose_terms_nobody_has_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let odd = at(root.path(), "odd", "BUSL-1.1");
        let refused = format!("{:#}", text(&package("app", &[]), &[odd]).unwrap_err());
        assert!(refused.contains("odd 1.2.3") && refused.contains("BUSL-1.1"), "{refused}");
    }
}
