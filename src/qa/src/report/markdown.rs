//! A report as Markdown with its figures as files: for documentation that is kept beside code. Pictures of frames are never in
//! it.

use std::fmt::Write;

use super::document::{Block, Document};

/// Text and figures.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Figures: name of the file, and the SVG.
    pub figures: Vec<(String, String)>,
}

/// Writes a report. Figures are linked as `FOLDER/STEM-N.svg`.
pub fn write(document: &Document, folder: &str, stem: &str) -> Written {
    let mut written = Written::default();
    // Writing to a String cannot fail.
    let _ = write_document(&mut written, document, folder, stem);
    written
}

/// Text as it may stand in a line or a cell.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn write_document(out: &mut Written, document: &Document, folder: &str, stem: &str) -> std::fmt::Result {
    writeln!(out.text, "# {}\n", plain(&document.title))?;
    for line in &document.lead {
        writeln!(out.text, "{}  ", plain(line))?;
    }
    for section in &document.sections {
        writeln!(out.text, "\n## {}\n", plain(&section.title))?;
        write_blocks(out, &section.blocks, folder, stem)?;
    }
    Ok(())
}

fn write_blocks(out: &mut Written, blocks: &[Block], folder: &str, stem: &str) -> std::fmt::Result {
    for block in blocks {
        match block {
            Block::Heading(text) => writeln!(out.text, "### {}\n", plain(text))?,
            Block::Text(text) => writeln!(out.text, "{}\n", plain(text))?,
            Block::Note(text) => writeln!(out.text, "> {}\n", plain(text))?,
            Block::Verdict(outcome, text) => writeln!(out.text, "**{} {}**\n", outcome.sign(), plain(text))?,
            Block::Table(table) => {
                writeln!(out.text, "{}:\n", plain(&table.caption))?;
                let row = |cells: &[String]| {
                    let cells: Vec<String> = cells.iter().map(|c| plain(c)).collect();
                    format!("| {} |", cells.join(" | "))
                };
                writeln!(out.text, "{}\n|{}", row(&table.head), "---|".repeat(table.head.len()))?;
                for cells in &table.rows {
                    writeln!(out.text, "{}", row(cells))?;
                }
                writeln!(out.text)?;
            }
            Block::Figure(figure) => {
                let name = format!("{stem}-{}.svg", out.figures.len() + 1);
                let link = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                writeln!(out.text, "![{}]({link})\n\n{}\n", plain(&figure.title), plain(&figure.caption))?;
                out.figures.push((name, figure.standalone()));
            }
            Block::Pictures(shots) => {
                for shot in shots {
                    writeln!(out.text, "- {}", plain(&shot.caption))?;
                }
                writeln!(out.text)?;
            }
            Block::Details { summary, blocks } => {
                writeln!(out.text, "**{}**\n", plain(summary))?;
                write_blocks(out, blocks, folder, stem)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::{Section, Table};

    #[test]
    fn a_cell_stays_a_cell() {
        let mut section = Section::new("summary", "Summary");
        let mut table = Table::new("All", ["name", "n"]);
        table.row(["a|b\n# c".to_owned(), "1".to_owned()]);
        section.table(table);
        let document = Document { title: "t_1".to_owned(), lead: Vec::new(), sections: vec![section] };
        let written = write(&document, "images", "x");
        assert!(written.text.starts_with("# t\\_1\n"), "{}", written.text);
        assert!(written.text.contains("| a\\|b \\# c | 1 |"), "{}", written.text);
    }
}
