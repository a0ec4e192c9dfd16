//! What is refused before any source is asked: addresses and User-Agent keywords.

use std::net::IpAddr;

use memchr::memmem::Finder;

use crate::config::settings::{Cidr, RejectKeyword};

/// `allow` and `deny` lists of one vhost or mount.
///
/// The longest block that holds the address decides; of equally long ones `deny` does. An
/// address in no block is refused when there is an `allow` list and admitted otherwise. So
/// `allow 192.168.0.0/16` alone admits the LAN alone, and `deny 192.168.7.0/24` beside it
/// takes the guests out again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    allow: Box<[Cidr]>,
    deny: Box<[Cidr]>,
}

impl AddressRules {
    /// From the lists as configured.
    #[must_use]
    pub fn new(allow: &[Cidr], deny: &[Cidr]) -> Self {
        Self { allow: allow.into(), deny: deny.into() }
    }

    /// Whether a peer may come in. A peer without an address, on a unix socket, may: the mode
    /// and the owner of the socket rule there.
    #[must_use]
    pub fn permits(&self, peer: Option<IpAddr>) -> bool {
        let Some(peer) = peer else { return true };
        match (longest(&self.allow, peer), longest(&self.deny, peer)) {
            (Some(allowed), Some(denied)) => allowed > denied,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => self.allow.is_empty(),
        }
    }

    /// Whether both lists are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

fn longest(blocks: &[Cidr], peer: IpAddr) -> Option<u8> {
    blocks.iter().filter(|block| block.contains(peer)).map(|block| block.prefix_bits).max()
}

/// `reject-service-keywords`, ready to search with.
#[derive(Debug, Default)]
pub struct Keywords {
    entries: Box<[(Finder<'static>, Keyword)]>,
}

/// What to answer a client with whose User-Agent holds a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    /// Status, 200 to 599.
    pub status: u16,
    /// Text for the body.
    pub text: Box<str>,
}

impl Keywords {
    /// Empty keywords, which every client would match, are left out.
    #[must_use]
    pub fn new(entries: &[RejectKeyword]) -> Self {
        let entries = entries.iter().filter(|entry| !entry.keyword.is_empty()).map(|entry| {
            let keyword = Keyword { status: entry.status, text: entry.text.as_str().into() };
            (Finder::new(entry.keyword.as_bytes()).into_owned(), keyword)
        });
        Self { entries: entries.collect() }
    }

    /// The first keyword, in the order of the configuration, that `user_agent` holds;
    /// case-sensitive.
    #[must_use]
    pub fn find(&self, user_agent: &[u8]) -> Option<&Keyword> {
        let hit = self.entries.iter().find(|(finder, _)| finder.find(user_agent).is_some());
        hit.map(|(_, keyword)| keyword)
    }

    /// Whether there are none, so that the User-Agent need not be looked at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Cidr {
        let (network, bits) = text.split_once('/').unwrap();
        Cidr { network: network.parse().unwrap(), prefix_bits: bits.parse().unwrap() }
    }

    fn rules(allow: &[&str], deny: &[&str]) -> AddressRules {
        let blocks = |list: &[&str]| list.iter().map(|text| block(text)).collect::<Vec<_>>();
        AddressRules::new(&blocks(allow), &blocks(deny))
    }

    #[test]
    fn the_longest_block_decides() {
        let lan = ["192.168.0.0/16", "fd00::/8"];
        let guests = ["192.168.7.0/24"];
        let cases: &[(AddressRules, &str, bool)] = &[
            (rules(&[], &[]), "8.8.8.8", true),
            (rules(&lan, &[]), "192.168.1.1", true),
            (rules(&lan, &[]), "::ffff:192.168.1.1", true),
            (rules(&lan, &[]), "fd12::1", true),
            (rules(&lan, &[]), "8.8.8.8", false),
            (rules(&lan, &[]), "2001:db8::1", false),
            (rules(&[], &guests), "192.168.7.9", false),
            (rules(&[], &guests), "8.8.8.8", true),
            (rules(&lan, &guests), "192.168.7.9", false),
            (rules(&lan, &guests), "192.168.8.9", true),
            (rules(&["192.168.7.9/32"], &guests), "192.168.7.9", true),
            (rules(&["192.168.7.9/32"], &guests), "192.168.7.8", false),
            (rules(&["192.168.7.9/32"], &guests), "10.0.0.1", false),
            (rules(&guests, &guests), "192.168.7.9", false),
            (rules(&["0.0.0.0/0"], &["10.0.0.0/8"]), "10.1.1.1", false),
            (rules(&[], &["0.0.0.0/0", "::/0"]), "::1", false),
        ];
        for (rules, peer, want) in cases {
            assert_eq!(rules.permits(Some(peer.parse().unwrap())), *want, "{rules:?} {peer}");
        }
        assert!(rules(&lan, &[]).permits(None));
    }

    #[test]
    fn the_first_keyword_in_the_user_agent_counts() {
        let entry = |keyword: &str, status| RejectKeyword {
            keyword: keyword.to_owned(),
            status,
            text: "go away".to_owned(),
        };
        let keywords = Keywords::new(&[entry("", 200), entry("Bot", 404), entry("evil", 403)]);
        assert_eq!(keywords.find(b"an evil Bot").map(|found| found.status), Some(404));
        assert_eq!(keywords.find(b"an evil bot").map(|found| found.status), Some(403));
        assert_eq!(keywords.find(b"Mozilla"), None);
        assert_eq!(keywords.find(b""), None);
        assert!(!keywords.is_empty() && Keywords::default().is_empty());
    }
}
