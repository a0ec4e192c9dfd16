//! What a file says, before anything is known about keys: an ordered tree with places.
//!
//! Repeated keys are kept, because some keys add up and of others the first counts. Text without
//! escapes borrows from the file. The tree is built by our own grammar pass (`text`), not by
//! serde-json-core: that reader gives no places, accepts garbage in values that nobody asks for,
//! has no depth limit (100,000 brackets end the process) and cannot tell a bare number from a
//! missing one. Once a pass exists that checks the grammar with places, building the tree in the
//! same pass is less code than walking the text a second time. serde-json-core does what it is
//! good at: it writes JSON (`effective`).

use std::borrow::Cow;

use super::settings::Place;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Value<'t> {
    /// From its first to its last byte.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) data: Data<'t>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Data<'t> {
    /// A string, escapes decoded.
    Text(Cow<'t, str>),
    /// A number as it was written.
    Number(&'t str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A list.
    List(Vec<Value<'t>>),
    /// An object.
    Map(Map<'t>),
    /// Something that was reported already; nothing more is to be said about it.
    Broken,
}

/// An object: its members in order, repeated keys included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map<'t> {
    /// The members.
    pub(crate) members: Vec<Member<'t>>,
    /// A syntax error lies within: members may be missing that the file does give.
    pub(crate) damaged: bool,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Member<'t> {
    /// The key, escapes decoded.
    pub(crate) key: Cow<'t, str>,
    /// The key with its quotes.
    pub(crate) key_place: Place,
    /// The value.
    pub(crate) value: Value<'t>,
}

impl Value<'_> {
    /// What the value is, for messages.
    pub(crate) const fn described(&self) -> &'static str {
        match self.data {
            Data::Text(_) => "a string",
            Data::Number(_) => "a number",
            Data::Bool(_) => "true or false",
            Data::Null => "null",
            Data::List(_) => "a list",
            Data::Map(_) => "an object",
            Data::Broken => "unreadable",
        }
    }
}
