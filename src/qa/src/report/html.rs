//! A report as one page: no other file, no network, no script. It reads in light and dark, in print, and by keyboard.

use std::fmt::Write;

use super::document::{Block, Document, Section, Table};
use super::figure::{COLORS, STYLE};
use super::pictures;

/// Rules for the page.
const PAGE: &str = include_str!("page.css");

/// Text as it may stand in HTML and SVG, attributes included.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are no text in HTML.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The page.
pub fn page(document: &Document) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut out, document);
    out
}

fn write_page(out: &mut String, document: &Document) -> std::fmt::Result {
    let title = escape(&document.title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"generator\" content=\"vesalius {}\">\
         <style>{COLORS}{PAGE}{STYLE}</style></head><body>\n\
         <a class=\"skip\" href=\"#summary\">To the summary</a>\n<header><h1>{title}</h1>\n",
        env!("CARGO_PKG_VERSION")
    )?;
    for line in &document.lead {
        writeln!(out, "<p>{}</p>", escape(line))?;
    }
    write!(out, "</header>\n<nav aria-label=\"Sections\"><ul>")?;
    for section in &document.sections {
        write!(out, "<li><a href=\"#{}\">{}</a></li>", section.id, escape(&section.title))?;
    }
    writeln!(out, "</ul></nav>\n<main>")?;
    for section in &document.sections {
        write_section(out, section)?;
    }
    writeln!(out, "</main>\n</body></html>")
}

fn write_section(out: &mut String, section: &Section) -> std::fmt::Result {
    let id = section.id;
    writeln!(
        out,
        "<section id=\"{id}\" aria-labelledby=\"{id}-h\"><h2 id=\"{id}-h\">{}</h2>",
        escape(&section.title)
    )?;
    for block in &section.blocks {
        write_block(out, block)?;
    }
    writeln!(out, "</section>")
}

fn write_block(out: &mut String, block: &Block) -> std::fmt::Result {
    match block {
        Block::Heading(text) => writeln!(out, "<h3>{}</h3>", escape(text)),
        Block::Text(text) => writeln!(out, "<p>{}</p>", escape(text)),
        Block::Note(text) => writeln!(out, "<p class=\"note\">{}</p>", escape(text)),
        Block::Verdict(outcome, text) => writeln!(
            out,
            "<p class=\"verdict {}\"><span aria-hidden=\"true\">{}</span> {}</p>",
            outcome.class(),
            outcome.sign(),
            escape(text)
        ),
        Block::Table(table) => write_table(out, table),
        Block::Figure(figure) => {
            writeln!(
                out,
                "<figure>{}<figcaption>{}</figcaption></figure>",
                figure.svg,
                escape(&figure.caption)
            )
        }
        Block::Pictures(shots) => {
            write!(out, "<div class=\"shots\">")?;
            for shot in shots {
                let (svg, caption) = (pictures::svg(shot), escape(&shot.caption));
                write!(out, "<figure>{svg}<figcaption>{caption}</figcaption></figure>")?;
            }
            writeln!(out, "</div>")
        }
        Block::Details { summary, blocks } => {
            writeln!(out, "<details><summary>{}</summary>", escape(summary))?;
            for block in blocks {
                write_block(out, block)?;
            }
            writeln!(out, "</details>")
        }
    }
}

/// Whether a column holds numbers alone: it is set to the right then.
fn is_of_numbers(table: &Table, column: usize) -> bool {
    let is_number = |cell: &String| {
        let digits = cell.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit());
        cell.is_empty() || cell == "–" || (digits && cell.len() < 40 && !cell.contains(':'))
    };
    table.rows.iter().all(|row| row.get(column).is_none_or(is_number))
}

fn write_table(out: &mut String, table: &Table) -> std::fmt::Result {
    let caption = escape(&table.caption);
    // Wide tables are scrolled by themselves, by keyboard too.
    write!(
        out,
        "<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table><caption>{caption}</caption><thead><tr>"
    )?;
    let numbers: Vec<bool> = (0..table.head.len()).map(|column| is_of_numbers(table, column)).collect();
    for (i, head) in table.head.iter().enumerate() {
        let class = if i > 0 && numbers.get(i) == Some(&true) { " class=\"n\"" } else { "" };
        write!(out, "<th scope=\"col\"{class}>{}</th>", escape(head))?;
    }
    write!(out, "</tr></thead><tbody>")?;
    for row in &table.rows {
        write!(out, "<tr>")?;
        for (i, cell) in row.iter().enumerate() {
            match (i, numbers.get(i) == Some(&true)) {
                (0, _) => write!(out, "<th scope=\"row\">{}</th>", escape(cell))?,
                (_, true) => write!(out, "<td class=\"n\">{}</td>", escape(cell))?,
                (_, false) => write!(out, "<td>{}</td>", escape(cell))?,
            }
        }
        write!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::Outcome;

    #[test]
    fn nothing_that_is_told_becomes_markup() {
        let evil = "<img src=x onerror=alert(1)>&\"'\u{7}";
        let mut section = Section::new("summary", evil);
        section.text(evil);
        section.note(evil);
        section.heading(evil);
        section.blocks.push(Block::Verdict(Outcome::Bad, evil.to_owned()));
        let mut table = Table::new(evil, [evil, "n"]);
        table.row([evil.to_owned(), "3".to_owned()]);
        section.table(table);
        section.blocks.push(Block::Details { summary: evil.to_owned(), blocks: Vec::new() });
        let page =
            page(&Document { title: evil.to_owned(), lead: vec![evil.to_owned()], sections: vec![section] });
        assert!(!page.contains("<img") && !page.contains('\u{7}'), "{page}");
        assert_eq!(page.matches("&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;").count(), 14);
        assert!(!page.contains("<script") && !page.contains("http"));
    }
}
