//! "Did you mean": the key that an unknown one is a slip of, and where it belongs.

use super::keys::{self, Level};
use super::nearest::nearest;

/// The candidate whose first words `word` is: `keepalive` for `keepalive-timeout`.
fn longer<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let begins = |c: &&str| c.strip_prefix(word).is_some_and(|rest| rest.starts_with('-'));
    candidates.into_iter().find(begins)
}

/// What may be meant by the unknown key `name` of `level`.
pub(crate) fn for_key(level: Level, name: &str) -> Option<String> {
    let elsewhere = Level::ALL.into_iter().filter(|&l| l != level && l != Level::Protocol);
    for other in elsewhere {
        if keys::find(other, name).is_some() {
            return Some(format!("this key belongs {}", belongs(other)));
        }
    }
    let names = |level: Level| {
        let spellings = level.keys().iter().flat_map(|k| std::iter::once(&k.name).chain(k.aliases));
        spellings.copied().filter(|n| !n.ends_with('*'))
    };
    if let Some(near) = nearest(name, names(level)).or_else(|| longer(name, names(level))) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    let elsewhere = Level::ALL.into_iter().filter(|&l| l != level && l != Level::Protocol);
    for other in elsewhere {
        if let Some(near) = nearest(name, names(other)) {
            return Some(format!("did you mean \"{near}\"? it belongs {}", belongs(other)));
        }
    }
    None
}

const fn belongs(level: Level) -> &'static str {
    match level {
        Level::Top => "to the top of a file, beside \"global\" and \"vhosts\"",
        Level::Global => "into \"global\"",
        Level::Vhost => "into a vhost",
        Level::Mount => "into a mount",
        Level::Protocol => "into a protocol of \"ws-protocols\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(for_key(Level::Vhost, "prot").unwrap(), "did you mean \"port\"?");
        assert_eq!(for_key(Level::Mount, "orgin").unwrap(), "did you mean \"origin\"?");
        assert!(for_key(Level::Vhost, "origin").unwrap().contains("into a mount"));
        assert!(for_key(Level::Top, "username").unwrap().contains("into \"global\""));
        assert!(for_key(Level::Mount, "hots-ssl-key").unwrap().contains("host-ssl-key"));
        assert!(for_key(Level::Vhost, "keepalive").unwrap().contains("keepalive-timeout"));
        assert_eq!(for_key(Level::Vhost, "zzzzzz"), None);
    }
}
