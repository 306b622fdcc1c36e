//! The documents that show results: what stands between their markers is made here, never typed.
//!
//! A marked part begins with `<!-- bench:NAME -->` and ends with `<!-- /bench -->`.

use std::{fs, path::Path};

use crate::{chart, results::Results, table};

/// The root of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The page of the benchmark.
const PAGE: &str = "docs/benchmarks/README.md";
/// The project's first page.
const FRONT: &str = "README.md";

/// Draws a chart for each section, and writes the tables.
///
/// # Panics
/// Where a document can't be written, or lacks a marker.
pub fn write(results: &Results) {
    let root = Path::new(ROOT);
    for (path, text) in made(results) {
        let path = root.join(path);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// The files that follow from results, with what shall be in them.
fn made(results: &Results) -> Vec<(String, String)> {
    let mut page = read(PAGE);
    let mut files = Vec::new();
    for section in results.sections() {
        let table = table::markdown(results.of(section));
        page = replace(&page, section, &format!("![{section}]({section}.svg)\n\n{table}"));
        files.push((format!("docs/benchmarks/{section}.svg"), chart::draw(results, section)));
    }
    let facts = results.environment.facts().into_iter().map(|(name, value)| format!("- {name}: {value}\n"));
    let (hit, of) = results.score();
    page = replace(&page, "environment", &format!("{}\n{hit} of {of} goals hit.", facts.collect::<String>()));
    files.push((PAGE.to_owned(), page));
    let headline = table::headline(results.rows.iter().filter(|line| line.headline));
    files.push((FRONT.to_owned(), replace(&read(FRONT), "headline", &headline)));
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Puts `content` between the markers of `name`.
fn replace(text: &str, name: &str, content: &str) -> String {
    let begin = format!("<!-- bench:{name} -->");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("a document lacks {begin}"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{begin} has no {END}"));
    format!("{before}{begin}\n{}\n{END}{after}", content.trim_end())
}

const END: &str = "<!-- /bench -->";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let text = "a\n<!-- bench:x -->\nold\n<!-- /bench -->\nb\n<!-- bench:y -->\nkept\n<!-- /bench -->\n";
        let new = replace(text, "x", "new\n");
        assert_eq!(new, text.replace("old", "new"));
        assert_eq!(replace(&new, "x", "new"), new);
    }

    #[test]
    #[should_panic(expected = "lacks <!-- bench:z -->")]
    fn a_document_without_the_marker_is_told() {
        replace("text", "z", "new");
    }

    #[test]
    fn the_documents_are_those_of_the_results_beside_them() {
        let results = Results::read(&Path::new(ROOT).join("docs/benchmarks/results.json"));
        for (path, text) in made(&results) {
            assert!(
                read(&path) == text,
                "{path} is not of docs/benchmarks/results.json: `cargo xtask bench --charts` it"
            );
        }
    }
}
