//! What was written and how, for those who have to tell a key from its default.

use super::super::keys::Level;
use super::super::read::NotBuilt;
use super::Place;

/// The keys of a configuration as they were written, if [`Options::keep_written`] asks for it.
///
/// [`Options::keep_written`]: crate::config::Options::keep_written
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Every key with a good value, in the order of the files.
    pub keys: Vec<Given>,
    /// The opening bracket of every vhost, in the order of the files.
    pub vhosts: Vec<Place>,
    /// What is asked for and not built yet.
    pub unbuilt: Vec<NotBuilt>,
    /// The first key that nobody knows.
    pub unknown: Option<Place>,
}

/// A key that was given.
#[derive(Debug, Clone)]
pub struct Given {
    /// Where it stands.
    pub level: Level,
    /// Its usual spelling.
    pub key: &'static str,
    /// The spelling that was used.
    pub spelling: String,
    /// Of an on/off key, what it says.
    pub on: Option<bool>,
    /// Which vhost of [`Written::vhosts`] it is part of; none in `global`.
    pub vhost: Option<usize>,
    /// Its value.
    pub place: Place,
}

impl Written {
    /// The last value of `key` at `level`, whichever vhost it is part of.
    #[must_use]
    pub fn find(&self, level: Level, key: &str) -> Option<&Given> {
        self.keys.iter().rfind(|given| given.level == level && given.key == key)
    }

    /// The first vhost that does not give `key`.
    #[must_use]
    pub fn vhost_without(&self, key: &str) -> Option<Place> {
        let gives = |at: usize| {
            let mut keys = self.keys.iter();
            keys.any(|g| g.level == Level::Vhost && g.vhost == Some(at) && g.key == key)
        };
        let mut vhosts = self.vhosts.iter().enumerate();
        vhosts.find(|(at, _)| !gives(*at)).map(|(_, &place)| place)
    }
}
