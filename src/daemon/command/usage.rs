//! What is said of a command line that is wrong.

use std::fmt;

/// What is wrong with the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct UsageError {
    /// What is wrong.
    pub message: String,
    /// What might have been meant.
    pub hint: Option<String>,
}

impl UsageError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kinglet: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        write!(f, "\n  try 'kinglet --help'")
    }
}

impl std::error::Error for UsageError {}
