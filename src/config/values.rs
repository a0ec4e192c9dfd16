//! A value of the tree to a typed value, by the kind that the key table gives.

use std::borrow::Cow;

use super::check::{self, Fault};
use super::diagnose::{Diagnostic, Severity};
use super::keys::{Key, Kind, PairRule};
use super::read::Reader;
use super::settings::{Cidr, Place, Protocol, Typed};
use super::tree::{Data, Map, Value};

/// What stands for the data directory in a string.
const DATA_DIR_MARK: &str = "_lws_ddir_";

/// Keys of lwsws whose value must be right, since they keep strangers out or say where to listen
/// and what to serve. lwsws starts with any value of the others.
const VITAL: [&str; 19] = [
    "global",
    "vhosts",
    "mounts",
    "username",
    "groupname",
    "uid",
    "gid",
    "port",
    "interface",
    "unix-socket",
    "unix-socket-perms",
    "basic-auth",
    "client-cert-required",
    "host-ssl-cert",
    "host-ssl-key",
    "host-ssl-ca",
    "ssl-option-set",
    "origin",
    "cgi-chroot",
];

/// Whether nothing starts when the key's value is wrong. No configuration of lwsws has one of our
/// own keys.
fn is_vital(key: &Key) -> bool {
    key.ours || VITAL.contains(&key.name)
}

impl Reader<'_> {
    /// The checked value; none when it is reported, or `null`.
    pub(super) fn typed(&mut self, key: &'static Key, value: &Value<'_>) -> Option<Typed> {
        if key.protects && matches!(value.data, Data::Null) {
            let message = format!("\"{}\" is null and protects nothing", key.name);
            let hint = "give it a value, or leave the key out";
            self.report.push(Diagnostic::error(value.place, message).hint(hint));
            return None;
        }
        match key.kind {
            Kind::Pairs(rule) => self.pairs(key, rule, value).map(Typed::Pairs),
            Kind::Blocks => self.blocks(key, value).map(Typed::Blocks),
            Kind::HostNames => self.host_names(key, value).map(Typed::Text),
            Kind::Protocols => self.protocols(key, value).map(Typed::Protocols),
            Kind::Any => Some(Typed::Flag(false)),
            Kind::Object(_) | Kind::Objects(_) => None,
            _ => {
                let text = self.scalar(key, value)?;
                match scalar_of_kind(key.kind, &text) {
                    Ok(typed) => Some(typed),
                    Err(fault) => self.doubtful(key, value.place, &text, fault),
                }
            }
        }
    }

    /// Reports `"key" …` with the key's example unless the fault brings its own hint. What is not
    /// vital is left out.
    pub(super) fn fault(&mut self, key: &Key, place: Place, fault: Fault) {
        let severity = if is_vital(key) { Severity::Error } else { Severity::Warning };
        self.say(severity, key, place, fault, "it is left out");
    }

    /// `instead` says what comes of a value that is no error.
    fn say(&mut self, severity: Severity, key: &Key, place: Place, fault: Fault, instead: &str) {
        let message = format!("\"{}\" {}", key.name, fault.message);
        let example = || format!("for example \"{}\": {}", key.name, key.example);
        let mut hint = fault.hint.unwrap_or_else(example);
        if severity != Severity::Error {
            hint = format!("{instead}; {hint}");
        }
        self.report.push(Diagnostic::new(severity, place, message).hint(hint));
    }

    /// The value that lwsws reads from a text that is none of its kind. A number that does not fit
    /// stays an error: it would be another one.
    fn doubtful(&mut self, key: &Key, place: Place, text: &str, fault: Fault) -> Option<Typed> {
        let word = text.trim();
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let number = word.get(..digits).unwrap_or_default();
        let typed = match key.kind {
            Kind::Bool => Some(Typed::Flag(false)),
            Kind::Int { .. } => scalar_of_kind(key.kind, number).ok(),
            Kind::HostName => Some(Typed::Text(check::near_host_name(text))),
            _ => None,
        };
        let too_large = matches!(key.kind, Kind::Int { .. }) && digits > 0 && typed.is_none();
        if is_vital(key) || too_large {
            self.say(Severity::Error, key, place, fault, "");
            return None;
        }
        let instead = match &typed {
            Some(Typed::Text(name)) => format!("it is read as {name:?}"),
            Some(Typed::Flag(_)) => "it is read as off".to_owned(),
            Some(_) => format!("it is read as {number}"),
            None => "it is ignored".to_owned(),
        };
        self.say(Severity::Warning, key, place, fault, &instead);
        typed
    }

    /// The text of a string, a bare number, true (`1`) or false (`0`).
    fn scalar<'v>(&mut self, key: &Key, value: &'v Value<'_>) -> Option<Cow<'v, str>> {
        let text = match &value.data {
            Data::Text(text) => self.substituted(text),
            Data::Number(text) => Cow::Borrowed(*text),
            Data::Bool(true) => Cow::Borrowed("1"),
            Data::Bool(false) => Cow::Borrowed("0"),
            Data::Null => {
                let message = format!("\"{}\" is null and is ignored", key.name);
                self.report.push(Diagnostic::note(value.place, message));
                return None;
            }
            Data::List(_) | Data::Map(_) => {
                let fault =
                    Fault::new(format!("must be a single value, not {}", value.described()));
                self.fault(key, value.place, fault);
                return None;
            }
            Data::Broken => return None,
        };
        if text.len() > check::TEXT_BYTES_MAX {
            let max = check::TEXT_BYTES_MAX;
            let fault = Fault::new(format!("has {} bytes, more than {max}", text.len()));
            self.fault(key, value.place, fault.hint("shorten it"));
            return None;
        }
        Some(text)
    }

    /// The text with every mark of the data directory replaced.
    fn substituted<'v>(&self, text: &'v str) -> Cow<'v, str> {
        if text.contains(DATA_DIR_MARK) {
            Cow::Owned(text.replace(DATA_DIR_MARK, &self.options.data_dir))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// An object, or the objects of a list, as lwsws wants it for most keys.
    fn maps<'v, 't>(&mut self, key: &Key, value: &'v Value<'t>) -> Vec<&'v Map<'t>> {
        let items = match &value.data {
            Data::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        let mut maps = Vec::new();
        for item in items {
            match &item.data {
                Data::Map(map) => maps.push(map),
                Data::Broken | Data::Null => {}
                _ => {
                    let what = item.described();
                    let fault =
                        Fault::new(format!("must hold objects of names and values, not {what}"));
                    self.fault(key, item.place, fault);
                }
            }
        }
        maps
    }

    fn pairs(
        &mut self,
        key: &'static Key,
        rule: PairRule,
        value: &Value<'_>,
    ) -> Option<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        for map in self.maps(key, value) {
            for member in &map.members {
                let Some(text) = self.scalar(key, &member.value) else { continue };
                match checked_pair(rule, &member.key, &text) {
                    Ok(pair) if rule == PairRule::Header && check::is_framing_header(&pair.0) => {
                        let message = format!("\"{}\" is left out: the server sets it", pair.0);
                        self.report.push(Diagnostic::warning(member.key_place, message));
                    }
                    Ok(pair) => pairs.push(pair),
                    Err((fault, in_name)) => {
                        let place = if in_name { member.key_place } else { member.value.place };
                        self.fault(key, place, fault);
                    }
                }
            }
        }
        Some(pairs)
    }

    /// The words of a text, or of the texts of a list; `take` says what is wrong with one.
    fn words(
        &mut self,
        key: &'static Key,
        value: &Value<'_>,
        mut take: impl FnMut(&mut Self, &str, Place) -> Result<(), Fault>,
    ) -> Option<()> {
        let items = match &value.data {
            Data::List(items) => items.as_slice(),
            Data::Null | Data::Broken => return None,
            _ => std::slice::from_ref(value),
        };
        for item in items {
            let Some(text) = self.scalar(key, item) else { continue };
            for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
                if let Err(fault) = take(self, word, item.place) {
                    self.fault(key, item.place, fault);
                }
            }
        }
        Some(())
    }

    /// The names with a space between: no name has one.
    fn host_names(&mut self, key: &'static Key, value: &Value<'_>) -> Option<String> {
        let mut names = Vec::new();
        self.words(key, value, |_, word, _| {
            names.push(check::host_name(word)?);
            Ok(())
        })?;
        Some(names.join(" "))
    }

    fn blocks(&mut self, key: &'static Key, value: &Value<'_>) -> Option<Vec<Cidr>> {
        let mut blocks = Vec::new();
        let errors = self.report.counts().errors;
        self.words(key, value, |reader, word, place| {
            let (block, masked) = check::cidr(word)?;
            if masked {
                let net = format!("{}/{}", block.network, block.prefix_bits);
                let message = format!("{word} has bits beyond its prefix");
                let warning = Diagnostic::warning(place, message);
                reader.report.push(warning.hint(format!("it is read as {net}")));
            }
            blocks.push(block);
            Ok(())
        })?;
        // A list that names nobody must not come to mean everybody.
        if blocks.is_empty() && self.report.counts().errors == errors {
            self.fault(key, value.place, Fault::new("names no address"));
        }
        Some(blocks)
    }

    fn protocols(&mut self, key: &'static Key, value: &Value<'_>) -> Option<Vec<Protocol>> {
        let mut protocols = Vec::new();
        for map in self.maps(key, value) {
            for member in &map.members {
                let options = match &member.value.data {
                    Data::Map(options) => self.protocol_options(key, options),
                    Data::Null | Data::Broken => continue,
                    _ => {
                        let what = member.value.described();
                        let message = format!("must give each protocol an object, not {what}");
                        self.fault(key, member.value.place, Fault::new(message));
                        continue;
                    }
                };
                if member.key.is_empty() {
                    self.fault(key, member.key_place, Fault::new("has a protocol without a name"));
                    continue;
                }
                protocols.push(Protocol { name: member.key.clone().into_owned(), options });
            }
        }
        Some(protocols)
    }

    /// Options of a protocol: those in the table are checked, all are passed on as text.
    fn protocol_options(&mut self, key: &'static Key, map: &Map<'_>) -> Vec<(String, String)> {
        let mut options = Vec::new();
        for member in &map.members {
            if matches!(member.value.data, Data::Map(_) | Data::List(_)) {
                let message =
                    format!("option \"{}\" is not a single value and is left out", member.key);
                self.report.push(Diagnostic::warning(member.value.place, message));
                continue;
            }
            let Some(text) = self.scalar(key, &member.value) else { continue };
            let known = super::keys::find(super::keys::Level::Protocol, &member.key);
            if let Some(option) = known
                && let Err(fault) = scalar_of_kind(option.kind, &text)
            {
                let _ = self.doubtful(option, member.value.place, &text, fault);
            }
            options.push((member.key.clone().into_owned(), text.into_owned()));
        }
        options
    }
}

/// A scalar's text as a typed value. What needs its neighbours (origin, interface) is checked
/// further when the object is complete.
fn scalar_of_kind(kind: Kind, text: &str) -> Result<Typed, Fault> {
    let ok = |()| Typed::Text(text.to_owned());
    match kind {
        Kind::Bool => check::boolean(text).map(Typed::Flag),
        Kind::Int { min, max, unit } => check::integer(text, min, max, unit).map(Typed::Number),
        Kind::Size { min, max } => check::size(text, min, max).map(Typed::Number),
        Kind::Flags => check::integer(text, 0, u64::MAX, "decimal flags").map(Typed::Number),
        Kind::HostName => check::host_name(text).map(Typed::Text),
        Kind::HeaderValue => {
            check::header_value(text).map(|()| Typed::Text(text.trim().to_owned()))
        }
        Kind::Path | Kind::Interface => check::path(text).map(ok),
        Kind::UrlPath => check::url_path(text).map(ok),
        Kind::ErrorDocument => check::error_document(text).map(Typed::Text),
        Kind::SocketOwner => check::socket_owner(text).map(|_| ok(())),
        Kind::Charset => check::charset(text).map(Typed::Text),
        Kind::Choice(words) => choice(words, text).map(|word| Typed::Text(word.to_owned())),
        _ => check::line(text).map(ok),
    }
}

fn choice(words: &[&'static str], text: &str) -> Result<&'static str, Fault> {
    if let Some(word) = words.iter().find(|w| w.eq_ignore_ascii_case(text.trim())) {
        return Ok(word);
    }
    let fault = Fault::new(format!("must be one of {}, not {text:?}", words.join(", ")));
    Err(match super::nearest::nearest(text, words.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean \"{near}\"?")),
        None => fault,
    })
}

/// A checked pair, or the fault and whether the name is at fault.
fn checked_pair(
    rule: PairRule,
    name: &str,
    value: &str,
) -> Result<(String, String), (Fault, bool)> {
    let pair = || (name.to_owned(), value.to_owned());
    match rule {
        PairRule::Header => {
            // lwsws wants no colon after the name but many configurations have one.
            let bare = name.strip_suffix(':').unwrap_or(name);
            check::header_name(bare).map_err(|f| (f, true))?;
            check::header_value(value).map_err(|f| (f, false))?;
            Ok((bare.to_owned(), value.trim().to_owned()))
        }
        PairRule::MediaType => {
            let suffix = check::suffix(name).map_err(|f| (f, true))?;
            check::media_type(value).map_err(|f| (f, false))?;
            Ok((suffix, value.trim().to_owned()))
        }
        PairRule::Environment => {
            check::variable_name(name).map_err(|f| (f, true))?;
            if value.contains('\0') {
                return Err((Fault::new("must not contain a NUL"), false));
            }
            Ok(pair())
        }
        PairRule::Keyword => {
            let fault = "must give each keyword a status from 200 to 599 and a text";
            check::line(value).map_err(|f| (f, false))?;
            check::parse_keyword(name, value)
                .map(|_| pair())
                .ok_or_else(|| (Fault::new(fault), name.is_empty()))
        }
        PairRule::Free => Ok(pair()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vital_keys_are_keys_of_lwsws() {
        for name in VITAL {
            let mut known = super::super::keys::all();
            assert!(known.any(|key| key.name == name && !key.ours), "{name}");
        }
    }
}
