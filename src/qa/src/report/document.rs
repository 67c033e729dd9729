//! What a report says, before it is known how it is written: as a page ([`html`](super::html)) or as text with figures beside
//! it ([`markdown`](super::markdown)). Every text in it is plain; whoever writes it escapes it.

use super::figure::Figure;
use super::pictures::Shot;

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Title.
    pub title: String,
    /// What stands under it, a line each.
    pub lead: Vec<String>,
    /// Sections in their order.
    pub sections: Vec<Section>,
}

/// One section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Name in links: lower-case letters and dashes.
    pub id: &'static str,
    /// Heading.
    pub title: String,
    /// What is in it.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading within the section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A paragraph that should not be overlooked.
    Note(String),
    /// An outcome: whether it is good, bad or open, and what it is.
    Verdict(Outcome, String),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Figure),
    /// Pictures of frames, side by side.
    Pictures(Vec<Shot>),
    /// What is shown when it is asked for, and in print.
    Details {
        /// What it is called while it is closed.
        summary: String,
        /// What is in it.
        blocks: Vec<Block>,
    },
}

/// How something came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Good,
    /// Not as it should.
    Bad,
    /// It cannot be told.
    Open,
}

impl Outcome {
    /// A sign that says it without colour.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Open => "?",
        }
    }

    /// In style sheets.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }
}

/// A table. Cells that hold a number are set to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Heads of the columns.
    pub head: Vec<String>,
    /// Rows, each as long as the head; the first cell names the row.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<const N: usize>(caption: impl Into<String>, head: [&str; N]) -> Self {
        Self { caption: caption.into(), head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// As a block; `None` without rows.
    pub fn block(self) -> Option<Block> {
        (!self.rows.is_empty()).then_some(Block::Table(self))
    }
}

impl Section {
    /// A section with nothing in it yet.
    pub fn new(id: &'static str, title: impl Into<String>) -> Self {
        Self { id, title: title.into(), blocks: Vec::new() }
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds a note.
    pub fn note(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Note(text.into()));
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    /// Adds a table, unless it is empty.
    pub fn table(&mut self, table: Table) {
        self.blocks.extend(table.block());
    }

    /// Adds a figure, where there is one.
    pub fn figure(&mut self, figure: Option<Figure>) {
        self.blocks.extend(figure.map(Block::Figure));
    }

    /// The section, unless there is nothing in it.
    pub fn some(self) -> Option<Self> {
        (!self.blocks.is_empty()).then_some(self)
    }
}
