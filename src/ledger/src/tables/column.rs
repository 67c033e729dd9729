//! Columns gathered in memory and written as one row group.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{TABLES_SCHEMA, TableError};

/// Rows of a group: what is held in memory, and what a reader reads at once.
pub(super) const GROUP_ROWS: usize = 1 << 18;

/// Words that come again and again, each kept once.
const MOST_WORDS: usize = 1 << 16;

/// A column of text.
#[derive(Debug, Default)]
pub(super) struct Texts {
    words: HashMap<Box<[u8]>, ByteArray>,
    values: Vec<ByteArray>,
    levels: Vec<i16>,
}

impl Texts {
    pub fn push(&mut self, text: &[u8]) {
        let known = self.words.get(text).cloned();
        let value = known.unwrap_or_else(|| {
            let value = ByteArray::from(text.to_vec());
            if self.words.len() < MOST_WORDS {
                self.words.insert(text.into(), value.clone());
            }
            value
        });
        self.values.push(value);
        self.levels.push(1);
    }

    /// Nothing where the text is empty.
    pub fn push_unless_empty(&mut self, text: &[u8]) {
        if text.is_empty() {
            self.levels.push(0);
        } else {
            self.push(text);
        }
    }
}

/// A column of numbers or truths that need not be there.
#[derive(Debug)]
pub(super) struct Maybe<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self { values: Vec::new(), levels: Vec::new() }
    }
}

impl<T> Maybe<T> {
    pub fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

/// A column, to be written and emptied; required columns have no levels.
pub(super) enum Column<'a> {
    Text(&'a mut Texts),
    MaybeText(&'a mut Texts),
    Int(&'a mut Vec<i64>),
    Double(&'a mut Maybe<f64>),
    Bool(&'a mut Vec<bool>),
}

impl Column<'_> {
    fn write(self, group: &mut SerializedRowGroupWriter<'_, File>) -> Result<(), ParquetError> {
        let Some(mut writer) = group.next_column()? else {
            return Err(ParquetError::General("there are fewer columns than values".to_owned()));
        };
        match self {
            Self::Text(texts) => {
                writer.typed::<ByteArrayType>().write_batch(&texts.values, None, None)?;
                texts.values.clear();
                texts.levels.clear();
            }
            Self::MaybeText(texts) => {
                writer.typed::<ByteArrayType>().write_batch(&texts.values, Some(&texts.levels), None)?;
                texts.values.clear();
                texts.levels.clear();
            }
            Self::Int(values) => {
                writer.typed::<Int64Type>().write_batch(values, None, None)?;
                values.clear();
            }
            Self::Double(maybe) => {
                writer.typed::<DoubleType>().write_batch(&maybe.values, Some(&maybe.levels), None)?;
                maybe.values.clear();
                maybe.levels.clear();
            }
            Self::Bool(values) => {
                writer.typed::<BoolType>().write_batch(values, None, None)?;
                values.clear();
            }
        }
        writer.close()
    }
}

/// A table that is being written, beside its place until it is whole.
pub(super) struct TableFile {
    path: PathBuf,
    partial: PathBuf,
    writer: SerializedFileWriter<File>,
}

impl TableFile {
    /// `columns` in Parquet's language of schemas.
    pub fn create(path: &Path, columns: &str) -> Result<Self, TableError> {
        let partial = path.with_extension("parquet.partial");
        let fail = |message: String| TableError::Write { path: path.to_owned(), message };
        let schema = parse_message_type(columns).map_err(|e| fail(e.to_string()))?;
        let file = File::create(&partial).map_err(|e| fail(e.to_string()))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("vesalius ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![KeyValue::new(
                "vesalius.schema".to_owned(),
                TABLES_SCHEMA.to_string(),
            )]))
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(|e| fail(e.to_string()))?;
        Ok(Self { path: path.to_owned(), partial, writer })
    }

    /// Writes a row group of the columns and empties them.
    pub fn write<const N: usize>(&mut self, columns: [Column<'_>; N]) -> Result<(), TableError> {
        self.group(columns).map_err(|e| self.fail(&e))
    }

    fn group<const N: usize>(&mut self, columns: [Column<'_>; N]) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in columns {
            column.write(&mut group)?;
        }
        group.close().map(|_| ())
    }

    /// Puts the table in its place.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.writer.finish().map_err(|e| self.fail(&e))?;
        std::fs::rename(&self.partial, &self.path)
            .map_err(|e| TableError::Write { path: self.path.clone(), message: e.to_string() })
    }

    fn fail(&self, error: &ParquetError) -> TableError {
        TableError::Write { path: self.path.clone(), message: error.to_string() }
    }
}

impl Drop for TableFile {
    fn drop(&mut self) {
        // Gone already where the table was finished.
        let _ = std::fs::remove_file(&self.partial);
    }
}
