//! One SQL file: the destructive changes of its statements, the markers, and the statements that were not parsed.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use flagkit_core::source::Location;
use flagkit_sources::document::tree::Lines;

use super::alter;
use super::change::{Change, ChangeKind};
use super::code::Code;
use super::dialect::Dialect;
use super::marker::{self, Marker, MarkerError};
use super::name::Name;
use super::parse::parse;
use super::scan::{Event, scan};
use super::statement::{Statement, split};
use super::token::{Token, TokenKind};

/// The stack for `sqlparser`, which calls itself for each operator of an expression. Memory is used only if needed.
const STACK: usize = 256 << 20;

/// The content of a SQL file, as far as the lint needs it.
#[derive(Debug)]
pub(crate) struct Script {
    /// The statements with a change, a marker or a problem.
    pub(crate) blocks: Vec<Block>,
    pub(crate) errors: Vec<(Location, MarkerError)>,
}

/// One statement.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) changes: Vec<(Location, Change)>,
    /// The markers of the statement, and those of the file.
    pub(crate) markers: Vec<(Location, Marker)>,
    /// Why the statement was not parsed completely, and where.
    pub(crate) unparsed: Option<(Location, String)>,
}

impl Script {
    /// Reads the text of a file. Without a dialect, the one that parses the most statements is used.
    pub(crate) fn read(path: &Path, text: &str, dialect: Option<Dialect>) -> Self {
        let candidates = dialect.map_or_else(|| Dialect::candidates(path, text), |dialect| vec![dialect]);
        let best = || {
            let mut best: Option<Self> = None;
            for dialect in &candidates {
                let script = Self::interpret(text, *dialect, Parsing::Complete);
                let (count, is_only) = (script.unparsed(), candidates.len() == 1);
                if is_only || best.as_ref().is_none_or(|best| count < best.unparsed()) {
                    best = Some(script);
                }
                if count == 0 {
                    break;
                }
            }
            best
        };
        let parsed = thread::scope(|scope| {
            let thread = thread::Builder::new().name("sql".to_owned()).stack_size(STACK);
            thread.spawn_scoped(scope, best).ok().and_then(|thread| thread.join().ok().flatten())
        });
        let dialect = candidates.first().copied().unwrap_or(Dialect::Postgres);
        parsed.unwrap_or_else(|| Self::interpret(text, dialect, Parsing::Words))
    }

    fn unparsed(&self) -> usize {
        self.blocks.iter().filter(|block| block.unparsed.is_some()).count()
    }

    fn interpret(text: &str, dialect: Dialect, parsing: Parsing) -> Self {
        let statements = split(text, dialect);
        let lines = Lines::new(text);
        let mut script = Self { blocks: Vec::new(), errors: Vec::new() };
        let of_file = script.file_markers(text, &statements, &lines);
        // In MySQL, a file puts a statement into a variable first, and prepares it later.
        let prepares = statements.iter().any(Statement::prepares);
        let mut tables = Tables::default();
        for (index, statement) in statements.iter().enumerate() {
            let mut reader = Reader { text, dialect, parsing, lines: &lines, tables: &mut tables, prepares };
            let (mut block, inner) = reader.read(statement);
            // The file's own markers are comments of its first statement.
            if index > 0 {
                block.markers = script.markers(&statement.comments, &lines);
            } else {
                let own = script.markers(&statement.comments, &lines);
                block.markers = own.into_iter().filter(|marker| !of_file.contains(marker)).collect();
            }
            block.markers.extend(script.markers(&inner, &lines));
            block.markers.extend(of_file.iter().cloned());
            if statement.tokens.is_empty() {
                script.report_unused(&block);
            } else {
                script.blocks.push(block);
            }
        }
        let replaced = |name: &Name| tables.replaced_views.contains(&name.key());
        for (_, change) in script.blocks.iter_mut().flat_map(|block| &mut block.changes) {
            if change.kind == ChangeKind::DropView && change.object.as_ref().is_some_and(replaced) {
                change.kind = ChangeKind::ReplaceView;
            }
        }
        script
            .blocks
            .retain(|block| !block.changes.is_empty() || !block.markers.is_empty() || block.unparsed.is_some());
        script
    }

    /// Reads the markers in comments. Adds the comments that are no valid markers to the errors.
    fn markers(&mut self, comments: &[Token<'_>], lines: &Lines<'_>) -> Vec<(Location, Marker)> {
        let mut found = Vec::new();
        for comment in comments {
            // Line comments end without a mark, block comments with one of two bytes.
            let close = if comment.end - comment.text.len() - comment.offset > 2 { 2 } else { 0 };
            for marker in marker::find(comment.text, comment.end - close - comment.text.len()) {
                match marker {
                    Ok(marker) => found.push((lines.location(marker.offset), marker)),
                    Err(error) => self.errors.push((lines.location(error.offset), error)),
                }
            }
        }
        found
    }

    /// Returns the markers at the head of the file: before the first statement, with an empty line after them.
    fn file_markers(&mut self, text: &str, statements: &[Statement<'_>], lines: &Lines<'_>) -> Vec<(Location, Marker)> {
        let Some(first) = statements.first().filter(|statement| !statement.tokens.is_empty()) else {
            return Vec::new();
        };
        let start = first.start();
        let is_apart = |comment: &&Token<'_>| {
            let between = text.get(comment.end..start).unwrap_or_default();
            let lines: Vec<&str> = between.split('\n').collect();
            lines.get(1..lines.len() - 1).is_some_and(|whole| whole.iter().any(|line| line.trim().is_empty()))
        };
        let comments: Vec<Token<'_>> = first.comments.iter().filter(is_apart).copied().collect();
        let errors = self.errors.len();
        let found = self.markers(&comments, lines);
        // The statement reports the errors of all its comments.
        self.errors.truncate(errors);
        found
    }

    /// Reports markers after the last statement.
    fn report_unused(&mut self, block: &Block) {
        for (location, marker) in &block.markers {
            let error = MarkerError {
                message: format!("got no statement after the marker {}", marker.verb.as_str()),
                help: "write the marker above its statement, or at the end of the statement's last line".to_owned(),
                offset: marker.offset,
            };
            self.errors.push((*location, error));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parsing {
    Complete,
    /// Only words are searched, because the parser has failed.
    Words,
}

/// The tables and views that the file has created and dropped so far, by the keys of their names.
#[derive(Debug, Default)]
struct Tables {
    created: BTreeSet<Vec<String>>,
    /// Temporary tables. A name without a schema stands for them first.
    temporary: BTreeSet<Vec<String>>,
    /// Tables that the file creates, unless they exist.
    ensured: BTreeSet<Vec<String>>,
    dropped: BTreeSet<Vec<String>>,
    dropped_views: BTreeSet<Vec<String>>,
    /// Views that are created after they were dropped.
    replaced_views: BTreeSet<Vec<String>>,
}

impl Tables {
    /// Whether no running code can use the object, because the file itself has created it.
    fn is_new(&self, change: &Change) -> bool {
        let is_in =
            |keys: &BTreeSet<Vec<String>>, name: Option<&Name>| name.is_some_and(|name| keys.contains(&name.key()));
        // The end of a rebuild: the new table gets the name of the old one, and the drop of that one was found.
        let is_rebuilt = change.kind == ChangeKind::RenameTable
            && is_in(&self.ensured, change.object.as_ref())
            && is_in(&self.dropped, change.to.as_ref());
        change.is_temporary || is_rebuilt || is_in(&self.created, change.object.as_ref())
    }

    /// Whether the object is a temporary table of the file. A name with a schema stands for another table.
    fn is_temporary(&self, change: &Change) -> bool {
        let object = change.object.as_ref().filter(|name| !name.is_qualified());
        object.is_some_and(|name| self.temporary.contains(&name.key()))
    }

    /// Forgets the tables that may be gone after a statement.
    fn end(&mut self, statement: &Statement<'_>) {
        if statement.changes_names() {
            self.created.clear();
        }
        if statement.changes_names() || statement.ends_temporary_tables() {
            self.temporary.clear();
        }
    }

    /// Applies the events of one statement. Returns the changes of objects that existed before.
    fn apply(&mut self, events: Vec<Event>) -> Vec<Change> {
        let mut changes = Vec::new();
        for event in events {
            match event {
                Event::CreateTable(name) => {
                    // From here on, the name may stand for the new table.
                    self.temporary.remove(&name.key());
                    self.created.insert(name.key());
                }
                Event::CreateTemporary(name) => drop(self.temporary.insert(name.key())),
                Event::EnsureTable(name) => drop(self.ensured.insert(name.key())),
                Event::CreateView(name) if self.dropped_views.contains(&name.key()) => {
                    self.replaced_views.insert(name.key());
                }
                Event::CreateView(_) => {}
                Event::Change(change) => {
                    if !self.apply_change(&change) {
                        changes.push(change);
                    }
                }
            }
        }
        changes
    }

    /// Applies a change in code. Returns whether its object is new.
    fn apply_code(&mut self, change: &Change) -> bool {
        let temporary = std::mem::take(&mut self.temporary);
        let is_new = self.apply_change(change);
        self.temporary = temporary;
        is_new
    }

    /// Applies a change. Returns whether its object is new.
    fn apply_change(&mut self, change: &Change) -> bool {
        let is_new = self.is_new(change);
        let Some(key) = change.object.as_ref().map(Name::key) else { return is_new };
        let to = || change.object.as_ref().zip(change.to.as_ref()).map(|(object, to)| object.renamed(to).key());
        if self.is_temporary(change) {
            if matches!(change.kind, ChangeKind::DropTable | ChangeKind::RenameTable) {
                self.temporary.remove(&key);
            }
            self.temporary.extend(to());
            return true;
        }
        match change.kind {
            ChangeKind::DropTable => {
                self.created.remove(&key);
                self.dropped.insert(key);
            }
            ChangeKind::RenameTable if is_new => {
                self.created.remove(&key);
                self.created.extend(to());
            }
            ChangeKind::DropView => drop(self.dropped_views.insert(key)),
            _ => {}
        }
        is_new
    }
}

/// Reads one statement after another.
struct Reader<'r, 't> {
    text: &'t str,
    dialect: Dialect,
    parsing: Parsing,
    lines: &'r Lines<'t>,
    tables: &'r mut Tables,
    /// Whether a statement of the file runs strings.
    prepares: bool,
}

impl<'t> Reader<'_, 't> {
    /// Reads a statement. Returns the comments in its bodies too.
    fn read(&mut self, statement: &Statement<'t>) -> (Block, Vec<Token<'t>>) {
        let location = self.lines.location(statement.start());
        let empty = Block { changes: Vec::new(), markers: Vec::new(), unparsed: None };
        if statement.tokens.is_empty() {
            return (empty, Vec::new());
        }
        let source = statement.source(self.text);
        let is_text =
            self.prepares && ["SET", "SELECT", "PREPARE", "CREATE"].iter().any(|it| statement.starts_with(&[it]));
        let code = Code::find(statement, self.dialect, is_text);
        let mut unparsed = self.obstacle(statement);
        let mut events = scan(&statement.tokens, self.dialect);
        let needs_parser = !statement.is_neutral() && !alter::is_plain(&statement.tokens, self.dialect);
        if unparsed.is_none() && self.parsing == Parsing::Complete && needs_parser {
            match parse(&source, self.dialect) {
                Ok(None) => {}
                Ok(Some(kinds)) => {
                    let is_real = |event: &Event| match event {
                        Event::Change(change) => kinds.contains(&change.kind),
                        _ => true,
                    };
                    events.retain(is_real);
                    let found = |kind: &ChangeKind| {
                        events.iter().any(|event| matches!(event, Event::Change(change) if change.kind == *kind))
                    };
                    let missed: Vec<ChangeKind> = kinds.iter().filter(|kind| !found(kind)).copied().collect();
                    events.extend(missed.into_iter().map(|kind| Event::Change(Change::new(kind, statement.start()))));
                }
                Err(error) => {
                    let at = error.location.map_or(location, |(line, column)| Location {
                        line: location.line + line.saturating_sub(1),
                        column: if line <= 1 { location.column + column.saturating_sub(1) } else { column },
                    });
                    unparsed = Some((at, format!("cannot parse the SQL statement: {}", error.message)));
                }
            }
        }
        if let Some(offset) = code.dynamic.filter(|_| unparsed.is_none()) {
            let message = "cannot read the SQL of this EXECUTE: it is known only when it runs";
            unparsed = Some((self.lines.location(offset), message.to_owned()));
        }
        if !statement.creates_table() {
            events.retain(|event| matches!(event, Event::Change(_) | Event::CreateView(_)));
        }
        self.tables.end(statement);
        let mut changes = self.tables.apply(events);
        // The code may run in another session, in which the name stands for no temporary table.
        changes.extend(code.changes.into_iter().filter(|change| !self.tables.apply_code(change)));
        let changes = changes.into_iter().map(|change| (self.lines.location(change.offset), change)).collect();
        (Block { changes, unparsed, ..empty }, code.comments)
    }

    /// Returns why a statement cannot be parsed, if its tokens show it.
    fn obstacle(&self, statement: &Statement<'_>) -> Option<(Location, String)> {
        let at = |token: &Token<'_>, message: String| Some((self.lines.location(token.offset), message));
        let find = |kind| statement.tokens.iter().find(|token| token.kind == kind);
        let first = statement.tokens.first()?;
        if let Some(token) = find(TokenKind::Unclosed) {
            return at(token, format!("cannot parse the SQL statement: {:?} has no end", token.text));
        }
        if let Some(token) = find(TokenKind::Command) {
            let name: String = token.text.split_whitespace().next().unwrap_or_default().chars().take(20).collect();
            return at(token, format!("cannot parse the command of a database client: {name}"));
        }
        if statement.has_open_data {
            return at(first, r"cannot read the data of the COPY: no line `\.` ends it".to_owned());
        }
        if self.parsing == Parsing::Words {
            return at(first, "cannot parse the SQL statement: the parser failed".to_owned());
        }
        let is_do = statement.starts_with(&["DO"]) && self.dialect == Dialect::Postgres;
        if is_do && (find(TokenKind::Body).is_some() || find(TokenKind::Text).is_some()) {
            return at(first, "cannot parse the code of the DO block".to_owned());
        }
        let word = statement.unknown_text()?;
        let name = word.text.to_ascii_uppercase();
        at(word, format!("cannot read the SQL of this {name}: it is known only when it runs"))
    }
}
