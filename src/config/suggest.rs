//! "Did you mean": the key that an unknown one is a slip of, and where it belongs.

use super::foreign;
use super::keys::{self, Key, Level, Status};
use super::nearest::nearest;

/// What an unknown key may mean.
pub(crate) struct Meant {
    /// The key.
    pub(crate) key: Option<&'static Key>,
    /// A sentence about it.
    pub(crate) hint: String,
}

/// What may be meant by the unknown key `name` of `level`.
pub(crate) fn for_key(level: Level, name: &str) -> Option<Meant> {
    let told = |key: &'static Key, spelling: &str| Meant {
        key: Some(key),
        hint: if key.level == level {
            format!("did you mean \"{spelling}\"?")
        } else if key.is_called(name) {
            format!("this key belongs {}", belongs(key.level))
        } else {
            format!("did you mean \"{spelling}\"? it belongs {}", belongs(key.level))
        },
    };
    let levels = || {
        let elsewhere = Level::ALL.into_iter().filter(|&l| l != level && l != Level::Protocol);
        std::iter::once(level).chain(elsewhere)
    };
    let folded = foreign::folded(name);
    let alike = levels().flat_map(spellings).filter(|(_, s)| foreign::folded(s) == folded);
    if let Some((key, spelling)) = first_with_effect(alike) {
        return Some(told(key, spelling));
    }
    if let Some(foreign) = foreign::find(level, name) {
        return Some(Meant { key: foreign.key, hint: foreign.hint });
    }
    let found = first_with_effect(levels().filter_map(|level| near(level, name)));
    found.map(|(key, spelling)| told(key, spelling))
}

/// A key that has no effect is meant only when no other one can be.
fn first_with_effect(mut found: impl Iterator<Item = Spelling>) -> Option<Spelling> {
    let first = found.next()?;
    let has_effect = |(key, _): &Spelling| !matches!(key.status, Status::NoEffect(_));
    if has_effect(&first) { Some(first) } else { found.find(has_effect).or(Some(first)) }
}

/// The key that protects something and that `name` may mean: what must be known of every key.
pub(crate) fn protecting(name: &str) -> Option<&'static Key> {
    let names = keys::all().filter(|key| key.protects).map(|key| key.name);
    let name = nearest(name, names)?;
    keys::all().find(|key| key.protects && key.name == name)
}

type Spelling = (&'static Key, &'static str);

fn spellings(level: Level) -> impl Iterator<Item = Spelling> {
    let all = level.keys().iter().filter(|key| !key.name.ends_with('*'));
    all.flat_map(|key| {
        std::iter::once(&key.name).chain(key.aliases).map(move |&spelling| (key, spelling))
    })
}

/// The key of `level` that is nearest, begins with the words of `name`, or is its first words:
/// `keepalive` for `keepalive-timeout`, `basic-auth-file` for `basic-auth`.
fn near(level: Level, name: &str) -> Option<Spelling> {
    let words = name.replace(['_', '.', ' '], "-").to_ascii_lowercase();
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.starts_with('-'))
    };
    let best = nearest(&words, spellings(level).map(|(_, spelling)| spelling));
    let one_of = |is: &dyn Fn(&str) -> bool| spellings(level).find(|(_, spelling)| is(spelling));
    best.and_then(|best| one_of(&|spelling| spelling == best))
        .or_else(|| one_of(&|spelling| begins(spelling, &words)))
        .or_else(|| one_of(&|spelling| begins(&words, spelling)))
}

const fn belongs(level: Level) -> &'static str {
    match level {
        Level::Top => "at the top of a file, beside \"global\" and \"vhosts\"",
        _ => level.phrase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(level: Level, name: &str) -> String {
        for_key(level, name).unwrap().hint
    }

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(hint(Level::Vhost, "prot"), "did you mean \"port\"?");
        assert_eq!(hint(Level::Mount, "orgin"), "did you mean \"origin\"?");
        assert!(hint(Level::Vhost, "origin").contains("in a mount"));
        assert!(hint(Level::Top, "username").contains("in \"global\""));
        assert!(hint(Level::Mount, "hots-ssl-key").contains("host-ssl-key"));
        assert!(hint(Level::Vhost, "keepalive").contains("keepalive-timeout"));
        assert!(hint(Level::Vhost, "access-log-file").contains("\"access-log\""));
        assert!(hint(Level::Mount, "interface").contains("in a vhost"));
        assert!(for_key(Level::Vhost, "zzzzzz").is_none());
    }

    #[test]
    fn what_may_mean_a_key_that_protects_is_seen_in_any_spelling_and_place() {
        for (name, key) in [
            ("basic_auth", "basic-auth"),
            ("basicauth", "basic-auth"),
            ("BasicAuth", "basic-auth"),
            ("Basic-Auth", "basic-auth"),
            ("basic", "basic-auth"),
            ("basic-auth-file", "basic-auth"),
            ("auth_basic_user_file", "basic-auth"),
            ("basic-auth", "basic-auth"),
            ("alow", "allow"),
            ("ALLOW", "allow"),
            ("dney", "deny"),
            ("client-cert-require", "client-cert-required"),
            ("client_cert_required", "client-cert-required"),
            ("client-cert", "client-cert-required"),
            ("clientcert", "client-cert-required"),
            ("htaccess", "basic-auth"),
            ("clientCertRequired", "client-cert-required"),
            ("ip_limit_ah", "ip-limit-ah"),
            ("ip-limt-wsi", "ip-limit-wsi"),
            ("reject_service_keywords", "reject-service-keywords"),
            ("interfaces", "interface"),
            ("host_ssl_cert", "host-ssl-cert"),
            ("host-ssl-keys", "host-ssl-key"),
        ] {
            for level in [Level::Top, Level::Global, Level::Vhost, Level::Mount] {
                if keys::find(level, name).is_some() {
                    continue;
                }
                let found = for_key(level, name).and_then(|meant| meant.key);
                let found = found.unwrap_or_else(|| panic!("{name} {level:?}"));
                assert_eq!((found.name, found.protects), (key, true), "{name} {level:?}");
            }
        }
        for name in ["basic_auth", "alow", "dney", "client-cert-require"] {
            assert!(protecting(name).is_some(), "{name}");
        }
        assert!(protecting("frobnicate").is_none());
    }
}
