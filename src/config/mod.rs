//! What the user wrote: text to tree with places, tree to typed settings, diagnostics.

pub mod settings;
