//! The files of a configuration, each read once, so that what is compared is what is compiled.

use std::path::{Path, PathBuf};

use crate::document::{self, Document, Problem, Problems};

/// What stood in the files of a configuration when they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(Vec<ReadFile>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ReadFile {
    path: PathBuf,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Text(String),
    /// Why there is none.
    Unreadable(String),
}

impl Files {
    /// The same files as they are at this moment, by whatever name, link or mount they are reached.
    #[must_use]
    pub fn look_again(&self) -> Self {
        let again = |file: &ReadFile| ReadFile::read(&file.path);
        Self(self.0.iter().map(again).collect())
    }

    /// Each with its text, if it could be read.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, Option<&str>)> {
        self.0.iter().map(|file| {
            let text = match &file.content {
                Content::Text(text) => Some(text.as_str()),
                Content::Unreadable(_) => None,
            };
            (file.path.as_path(), text)
        })
    }

    /// The first file that says nothing at all.
    pub(super) fn blank(&self) -> Option<&Path> {
        let blank =
            |file: &&ReadFile| matches!(&file.content, Content::Text(text) if is_blank(text));
        self.0.iter().find(blank).map(|file| file.path.as_path())
    }

    fn find(&self, path: &Path) -> Option<&ReadFile> {
        self.0.iter().find(|file| file.path == path)
    }
}

/// White space, comments and the mark that begins a document.
fn is_blank(text: &str) -> bool {
    text.lines()
        .map(|line| line.trim_start_matches('\u{feff}').trim())
        .all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

impl ReadFile {
    fn read(path: &Path) -> Self {
        let content = match document::read_text(path) {
            Ok(text) => Content::Text(text),
            Err(error) => Content::Unreadable(format!("cannot read the file: {error}")),
        };
        Self {
            path: path.to_owned(),
            content,
        }
    }

    fn parse(&self) -> Result<Document, Problems> {
        let origin = self.path.display().to_string();
        match &self.content {
            Content::Text(text) => Document::parse(text, &origin),
            Content::Unreadable(message) => Err(Problem::new(origin, "", message).into()),
        }
    }
}

/// Opens the files of a configuration and remembers what stood there.
#[derive(Debug)]
pub(super) struct FileReader<'s> {
    /// Files that need not be read, because they have been seen.
    seen: &'s Files,
    opened: Files,
}

impl<'s> FileReader<'s> {
    pub(super) fn new(seen: &'s Files) -> Self {
        Self {
            seen,
            opened: Files::default(),
        }
    }

    /// The document in a file.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, is not UTF-8 or not YAML.
    pub(super) fn open(&mut self, path: &Path) -> Result<Document, Problems> {
        let seen = self.seen.find(path).cloned();
        let file = seen.unwrap_or_else(|| ReadFile::read(path));
        let document = file.parse();
        self.opened.0.push(file);
        document
    }

    /// What was opened.
    pub(super) fn into_files(self) -> Files {
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_word_is_blank() {
        for text in ["", " \n", "\u{feff}# a header\n---\n\n  # more"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["{}", "# a header\ngates: []", "--- {}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
