//! What a check of the machine found, on its way to whoever prints it.

pub(in crate::daemon) use crate::config::diagnose::Severity;

use crate::config::diagnose::Diagnostic;
use crate::config::settings::Place;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Where the configuration says what it is about.
    pub place: Option<Place>,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// A finding without a place and a hint.
    #[must_use]
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self { severity, place: None, message: message.into(), hint: None }
    }

    /// Adds where the configuration says it.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Finding> for Diagnostic {
    fn from(finding: Finding) -> Self {
        let mut diagnostic = Self::new(finding.severity, finding.place, finding.message);
        diagnostic.hint = finding.hint;
        diagnostic
    }
}

/// Takes findings as they come.
pub(in crate::daemon) type Report<'a> = dyn FnMut(Finding) + 'a;
