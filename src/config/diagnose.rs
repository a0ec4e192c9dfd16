//! What is wrong with a configuration, where, why, and what to write instead.
//!
//! A [`Report`] collects findings in any order; `render` makes text of them.

use super::settings::Place;

/// Findings that a report keeps; further ones are only counted.
pub const KEPT_MAX: usize = 1000;

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The text is wrong: nothing starts, a reload keeps what runs.
    Error,
    /// The environment is at fault: only what it touches does not work, and it is retried.
    Degraded,
    /// Probably not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word that is printed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Degraded => "degraded",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// Where it is, if it is about text.
    pub place: Option<Place>,
    /// What is wrong: lower case, no trailing dot.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that have to do with it.
    pub related: Vec<(Place, String)>,
}

impl Diagnostic {
    /// A finding at `place`.
    pub fn new(
        severity: Severity,
        place: impl Into<Option<Place>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            place: place.into(),
            message: message.into(),
            hint: None,
            related: Vec::new(),
        }
    }

    /// An error.
    pub fn error(place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, place, message)
    }

    /// A warning.
    pub fn warning(place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, place, message)
    }

    /// A note.
    pub fn note(place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, place, message)
    }

    /// A fault of the environment.
    pub fn degraded(place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Degraded, place, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do about it, if anything is known.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Adds another place that has to do with it.
    #[must_use]
    pub fn related(mut self, place: Place, text: impl Into<String>) -> Self {
        self.related.push((place, text.into()));
        self
    }
}

/// Findings about a configuration.
#[derive(Debug, Clone, Default)]
pub struct Report {
    kept: Vec<Diagnostic>,
    counts: Counts,
}

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Errors.
    pub errors: usize,
    /// Faults of the environment.
    pub degraded: usize,
    /// Warnings.
    pub warnings: usize,
    /// Notes.
    pub notes: usize,
}

impl Counts {
    /// All findings.
    #[must_use]
    pub const fn total(self) -> usize {
        self.errors + self.degraded + self.warnings + self.notes
    }
}

impl Report {
    /// Adds a finding. Past [`KEPT_MAX`] a finding takes the place of a less serious one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        match diagnostic.severity {
            Severity::Error => self.counts.errors += 1,
            Severity::Degraded => self.counts.degraded += 1,
            Severity::Warning => self.counts.warnings += 1,
            Severity::Note => self.counts.notes += 1,
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push(diagnostic);
        } else if diagnostic.severity == Severity::Error
            && let Some(other) = self.kept.iter_mut().rfind(|d| d.severity != Severity::Error)
        {
            *other = diagnostic;
        }
    }

    /// The findings in the order they were made.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.kept
    }

    /// Whether any text is wrong.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.counts.errors > 0
    }

    /// How many findings there are, including those not kept.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_findings_is_bounded_and_errors_come_first() {
        let mut report = Report::default();
        for _ in 0..KEPT_MAX + 10 {
            report.push(Diagnostic::note(None, "n"));
        }
        report.push(Diagnostic::error(None, "late"));
        assert_eq!(report.diagnostics().len(), KEPT_MAX);
        assert_eq!(report.counts().total(), KEPT_MAX + 11);
        let shown = report.render(&[], false);
        assert!(shown.contains("error: late"));
        assert!(shown.ends_with(&format!(
            "and {} more\n",
            KEPT_MAX + 11 - crate::config::render::PRINTED_MAX
        )));
    }
}
