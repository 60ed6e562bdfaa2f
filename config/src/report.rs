//! Problems, as people read them.

use std::fmt;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::problem::{Found, Problems};
use crate::tree::Span;

/// Everything that is wrong with a configuration, from the top of the file to
/// its end: each with file, line and column, a caret, and what to do.
#[derive(Clone)]
pub struct Report {
    file: String,
    text: String,
    found: Vec<Found>,
    further: usize,
}

impl Report {
    pub(crate) fn new(file: &Path, text: &str, problems: Problems) -> Self {
        let (found, further) = problems.in_order();
        Self { file: file.display().to_string(), text: text.to_owned(), found, further }
    }

    /// How many problems there are; at least one.
    pub fn count(&self) -> usize {
        self.found.len() + self.further
    }

    /// The same text with colours, for terminals.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled().decor_style(DecorStyle::Unicode))
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut text = String::new();
        for found in &self.found {
            text += &renderer.render(&[self.group(found)]);
            text += "\n\n";
        }
        let problems = match (self.count(), self.further) {
            (1, _) => "1 problem".to_owned(),
            (count, 0) => format!("{count} problems"),
            (count, _) => format!("{count} problems, of which {} are shown", self.found.len()),
        };
        text + &format!("{}: {problems}", self.file)
    }

    fn group<'a>(&'a self, found: &'a Found) -> Group<'a> {
        let problem = &found.problem;
        let title = Level::ERROR.primary_title(problem.to_string()).id(problem.code());
        let group = if self.text.is_empty() {
            title.element(Origin::path(&self.file))
        } else {
            title.element(self.snippet(found))
        };
        group.elements(problem.help().map(|help| Level::HELP.message(help)))
    }

    fn snippet<'a>(&'a self, found: &'a Found) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let range = |span: Span| span.start..span.end.max(span.start);
        let first = found.first.map(|first| AnnotationKind::Context.span(range(first)).label("first here"));
        Snippet::source(&self.text)
            .path(&self.file)
            .annotation(AnnotationKind::Primary.span(range(found.span)).label(found.problem.label()))
            .annotations(first)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

/// The same: for whoever unwraps.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Report {}
