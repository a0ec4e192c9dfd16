//! `alpn` and `default-alpn`: the protocols that are offered within TLS (RFC 7301).

use super::super::diagnose::Diagnostic;
use super::super::nearest::nearest;
use super::super::read::Reader;
use super::super::settings::Located;
use super::lists::shortened;

/// What is spoken.
const HTTP_1: &str = "http/1.1";

impl Reader<'_> {
    /// The protocols of a list as far as they are spoken here. A list without any text offers
    /// nothing; one in which nothing is left offers what is spoken.
    pub(super) fn alpn(&mut self, key: &str, list: &Located<String>) -> Vec<String> {
        if list.value.trim().is_empty() {
            return Vec::new();
        }
        let mut spoken = Vec::new();
        let mut at = 0;
        for part in list.value.split(',') {
            let name = part.trim();
            let start = at + (part.len() - part.trim_start().len());
            at += part.len() + 1;
            match name {
                HTTP_1 if !spoken.is_empty() => {}
                HTTP_1 => spoken.push(HTTP_1.to_owned()),
                "" => {}
                _ => self.not_spoken(list, start, name),
            }
        }
        if spoken.is_empty() {
            let message = format!("\"{key}\" leaves no protocol: \"{HTTP_1}\" is offered");
            let hint = format!("write \"{key}\": \"{HTTP_1}\", or \"\" to offer none");
            self.report.push(Diagnostic::warning(list.place, message).hint(hint));
            spoken.push(HTTP_1.to_owned());
        }
        spoken
    }

    fn not_spoken(&mut self, list: &Located<String>, start: usize, name: &str) {
        let place = self.within(list, start..start + name.len());
        let name = shortened(name);
        self.report.push(match name.as_str() {
            "h2" => Diagnostic::note(place, "\"h2\" is left out: HTTP/2 is not built yet"),
            "h3" => Diagnostic::note(place, "\"h3\" is left out: HTTP/3 is not offered"),
            _ => {
                let message = format!("\"{name}\" is left out: it is not spoken here");
                let hint = nearest(&name, [HTTP_1]).map(|n| format!("did you mean \"{n}\"?"));
                Diagnostic::warning(place, message).maybe_hint(hint)
            }
        });
    }

    /// What a vhost with TLS offers that says nothing itself.
    pub(super) fn default_alpn(&mut self) -> Vec<String> {
        let Some(list) = self.settings.global.default_alpn.take() else {
            return vec![HTTP_1.to_owned()];
        };
        let spoken = self.alpn("default-alpn", &list);
        let value = spoken.join(",");
        self.settings.global.default_alpn = Some(Located { value, place: list.place });
        spoken
    }
}
