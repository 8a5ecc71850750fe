//! What the pages for users show works: their code, their files, their commands, tables and links.

mod approvals;
mod commands;
mod migrations;
mod program;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

/// A page in Markdown.
struct Page {
    name: &'static str,
    text: String,
}

impl Page {
    fn read(name: &'static str) -> Self {
        Self { name, text: fs::read_to_string(repository().join(name)).expect(name) }
    }

    /// Returns the text of each block between code fences.
    fn blocks(&self) -> impl Iterator<Item = String> {
        let blocks = self.text.split("\n```").skip(1).step_by(2);
        blocks.filter_map(|block| block.split_once('\n')).map(|(_, text)| format!("{text}\n"))
    }

    /// Returns the block that begins with the name of a file in a comment: the contents of that file.
    fn file(&self, name: &str) -> String {
        let is_named = |text: &String| {
            let first = text.lines().next().unwrap_or_default().trim_start_matches(['#', '/', ' ']);
            first.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.blocks().find(is_named).unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    /// Returns the text outside of code fences, with each paragraph on one line.
    fn prose(&self) -> String {
        self.text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n\n").replace('\n', " ")
    }

    /// Returns the texts in backticks that begin with `start`.
    fn code_spans(&self, start: &str) -> Vec<String> {
        let spans = self.prose();
        let spans = spans.split('`').skip(1).step_by(2);
        spans.filter(|span| span.starts_with(start)).map(str::to_owned).collect()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "spec/README.md"];
    for name in pages.into_iter().chain([
        "docs/approvals.md",
        "docs/cli.md",
        "docs/faults.md",
        "docs/migrations.md",
        "docs/testing.md",
        "docs/performance.md",
    ]) {
        let page = Page::read(name);
        for target in page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            let is_file = !target.is_empty() && !target.contains("://") && !target.contains(char::is_whitespace);
            let folder = Path::new(name).parent().expect("a folder");
            assert!(!is_file || repository().join(folder).join(target).exists(), "{name} links to {target}");
        }
    }
}
